"""The figures hold the data that they claim to show, at every size."""

import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from pages.made import history
from viewfinder.core.errors import DataError
from viewfinder.pages import plots
from viewfinder.pages.parts.words import short_name
from viewfinder.pages.plots.curves import spread

pytestmark = pytest.mark.usefixtures("whole_plots")


def drawn(figure: object) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


@pytest.mark.parametrize("epochs", [1, 2, 8, 200])
@pytest.mark.parametrize("metric", ["accuracy", "loss"])
def test_curves_hold_the_history(epochs: int, metric: str) -> None:
    table = history(epochs)
    figure = plots.curves(table, metric, best_epoch=epochs)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    for label, column in (("training", metric), ("validation", f"val_{metric}")):
        assert lines[label].get_xdata().tolist() == table["epoch"].tolist()
        assert lines[label].get_ydata().tolist() == table[column].tolist()
    best = lines["kept epoch"]
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (epochs, table[f"val_{metric}"].iloc[-1])
    drawn(figure)
    low, high = figure.axes[0].get_xlim()
    ticks = [tick for tick in figure.axes[0].get_xticks() if low <= tick <= high]
    assert ticks
    assert all(tick == round(tick) >= 1 for tick in ticks)
    assert len(ticks) <= 11


def test_a_single_epoch_is_seen_as_a_point() -> None:
    assert {line.get_marker() for line in plots.curves(history(1), "loss").axes[0].lines} == {"o"}


def test_curves_without_validation_or_epochs() -> None:
    alone = plots.curves(history(5, validation=False), "loss", best_epoch=3)
    assert next(line.get_label() for line in alone.axes[0].lines) == "training"
    assert "validation" not in [line.get_label() for line in alone.axes[0].lines]
    empty = plots.curves(history(0), "loss")
    assert "no finished epoch" in [text.get_text() for text in empty.axes[0].texts]
    drawn(empty)


def test_curves_live_through_missing_values() -> None:
    table = history(4)
    table["val_loss"] = np.nan
    table.loc[2, "loss"] = np.inf
    drawn(plots.curves(table, "loss", best_epoch=3))


def test_curves_name_an_unknown_metric() -> None:
    with pytest.raises(DataError, match="did you mean 'accuracy'"):
        plots.curves(history(3), "acuracy")


@pytest.mark.parametrize("classes", [1, 2, 10, 100])
def test_confusion_matrix_shows_shares_and_counts(classes: int) -> None:
    counts = np.random.default_rng(0).integers(0, 50, (classes, classes))
    counts[0] = 0
    figure = plots.confusion_matrix(counts, [f"class {n}" for n in range(classes)])
    axes = figure.axes[0]
    shown = np.asarray(axes.images[0].get_array())
    sums = counts.sum(axis=1)
    expected = [
        [n / total if total else 0 for n in row] for row, total in zip(counts, sums, strict=True)
    ]
    assert shown == pytest.approx(np.array(expected))
    texts = [int(text.get_text()) for text in axes.texts]
    assert texts == ([] if classes > 20 else [int(n) for n in counts.ravel() if n])
    assert len(axes.get_xticklabels()) == classes
    drawn(figure)


def test_confusion_matrix_refuses_what_does_not_fit() -> None:
    with pytest.raises(
        DataError, match=r"shape \(3, 3\) for 3 classes.*\n  Received: shape \(2, 2\)"
    ):
        plots.confusion_matrix(np.eye(2, dtype=int), ["a", "b", "c"])


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("name", ["$\\frac$", "$", "a\nb\x00", "\udcff", "猫", "x" * 400, ""])
def test_any_name_can_be_drawn(name: str) -> None:
    drawn(plots.confusion_matrix([[1, 0], [0, 1]], [name, "b"]))
    drawn(plots.picture_grid([None], [short_name(name)]))


def test_grid_shows_each_picture_with_its_caption() -> None:
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (h, 8, 3), dtype=np.uint8) for h in (8, 4, 100)]
    figure = plots.picture_grid([*images, None], ["one", "two", "three", "four"], columns=3)
    assert [axes.get_xlabel() for axes in figure.axes] == ["one", "two", "three", "four"]
    for axes, image in zip(figure.axes, images, strict=False):
        assert (np.asarray(axes.images[0].get_array()) == image).all()
    assert [text.get_text() for text in figure.axes[3].texts] == ["file not found"]
    drawn(figure)


def test_an_empty_grid_says_so() -> None:
    assert [text.get_text() for text in plots.picture_grid([], []).texts] == ["nothing to show"]


def test_grid_refuses_missing_captions() -> None:
    with pytest.raises(DataError, match="1 pictures, 0 captions, 5 columns"):
        plots.picture_grid([None], [])


def test_runs_are_drawn_with_validation_bold_and_training_thin() -> None:
    tables = [history(5), history(8), history(3, validation=False), history(0)]
    names = ["first", "second", "no validation", "no epoch"]
    figure = plots.curves_of_runs(names, tables, "accuracy")
    lines = figure.axes[0].lines
    drawn_columns = [tables[0].accuracy, tables[0].val_accuracy, tables[1].accuracy]
    drawn_columns += [tables[1].val_accuracy, tables[2].accuracy]
    assert [line.get_ydata().tolist() for line in lines] == [one.tolist() for one in drawn_columns]
    assert [line.get_linewidth() > 1 for line in lines] == [False, True, False, True, False]
    looks = {(line.get_color(), str(line.get_linestyle())) for line in lines[:4]}
    assert len(looks) >= 2
    assert figure.get_label() == (
        "Validation accuracy by epoch: first ends at 71.6\N{NO-BREAK SPACE}%, "
        "second ends at 79.9\N{NO-BREAK SPACE}%."
    )


def test_histogram_counts_all_values_in_bins_of_equal_ratio() -> None:
    values = np.random.default_rng(0).uniform(3, 900, 500)
    bars = plots.histogram("Size", values, " pixels", 0).axes[0].patches
    edges = np.array([*(bar.get_x() for bar in bars), bars[-1].get_x() + bars[-1].get_width()])
    assert sum(bar.get_height() for bar in bars) == 500
    edges = plots.bin_edges(values)
    assert np.allclose(edges[1:] / edges[:-1], edges[1] / edges[0])
    assert [bar.get_height() for bar in bars] == np.histogram(values, edges)[0].tolist()
    assert len(plots.histogram("Size", np.full(9, 28.0), "", 0).axes[0].patches) == 1


def test_losses_average_and_suggestion_are_drawn_over_a_logarithmic_axis() -> None:
    rates = np.geomspace(1e-5, 1, 30)
    losses = np.linspace(2, 1, 30)
    losses[-1] = 500  # diverged
    smoothed = np.minimum(losses, 2)
    (axes,) = plots.rate_curve(rates, losses, smoothed, 0.003).axes
    assert axes.get_xscale() == "log"
    raw, average, mark = axes.lines
    np.testing.assert_array_equal(raw.get_ydata(), losses)
    np.testing.assert_array_equal(average.get_xdata(), rates)
    np.testing.assert_array_equal(average.get_ydata(), smoothed)
    assert list(mark.get_xdata()) == [0.003, 0.003]
    assert [text.get_text() for text in axes.texts] == ["suggested: 0.003"]
    low, high = axes.get_ylim()
    assert low < 1 < 2 < high < 10  # the diverged loss does not flatten the rest


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.floats(0, 0.2))
def test_labels_are_apart_in_order_and_within_the_axes(heights: list[float], gap: float) -> None:
    moved = spread(heights, gap)
    assert (np.diff(np.sort(moved)) >= gap - 1e-9).all()
    assert (np.diff(moved[np.argsort(heights, kind="stable")]) >= -1e-9).all()
    assert moved.min() >= 0
    assert moved.max() <= 1 + 1e-9


@given(st.lists(st.floats(0, 1), min_size=2, max_size=4), st.floats(0.01, 0.3))
def test_no_other_heights_are_nearer(heights: list[float], gap: float) -> None:
    """Held against a general solver of the same least squares under constraints."""
    order = np.argsort(heights, kind="stable")
    due = np.asarray(heights)[order]
    solved = optimize.minimize(
        lambda moved: ((moved - due) ** 2).sum(),
        np.linspace(0, 1, len(due)),
        jac=lambda moved: 2 * (moved - due),
        method="SLSQP",
        bounds=[(0, 1)] * len(due),
        constraints={"type": "ineq", "fun": lambda moved: np.diff(moved) - gap},
    )
    assert solved.success
    assert spread(heights, gap)[order] == pytest.approx(solved.x, abs=1e-3)


def test_plots_load_matplotlib_when_they_are_drawn_and_pyplot_never() -> None:
    code = (
        "import sys, numpy as np; from viewfinder.pages import plots;"
        "assert 'matplotlib' not in sys.modules;"
        "plots.confusion_matrix(np.eye(2), ['a', 'b']); plots.picture_grid([None], ['x']);"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
