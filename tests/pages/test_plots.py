"""The figures hold the data that they claim to show, at every size."""

import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.made import history
from viewfinder.core.errors import DataError
from viewfinder.pages import plots


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
    drawn(plots.picture_grid([None], [plots.short_name(name)]))


def test_grid_shows_each_picture_with_its_caption() -> None:
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (h, 8, 3), dtype=np.uint8) for h in (8, 4, 100)]
    figure = plots.picture_grid([*images, None], ["one", "two", "three", "four"], columns=3)
    assert [axes.get_xlabel() for axes in figure.axes] == ["one", "two", "three", "four"]
    for axes, image in zip(figure.axes, images, strict=False):
        assert (np.asarray(axes.images[0].get_array()) == image).all()
    assert [text.get_text() for text in figure.axes[3].texts] == ["file has gone"]
    drawn(figure)


def test_an_empty_grid_says_so() -> None:
    assert [text.get_text() for text in plots.picture_grid([], []).texts] == ["nothing to show"]


def test_grid_refuses_missing_captions() -> None:
    with pytest.raises(DataError, match="1 pictures, 0 captions, 5 columns"):
        plots.picture_grid([None], [])


@given(st.lists(st.floats(0, 1), min_size=2, max_size=2), st.floats(0, 0.5))
def test_labels_are_spread_around_their_middle(heights: list[float], gap: float) -> None:
    moved = plots.spread(heights, gap)
    assert abs(moved[0] - moved[1]) >= gap - 1e-9
    assert sum(moved) == pytest.approx(sum(heights))
    assert (
        (moved[0] < moved[1]) == (heights[0] < heights[1]) or heights[0] == heights[1] or gap == 0
    )


@given(st.text(max_size=80), st.integers(5, 40))
def test_short_names_are_short_and_drawable(text: str, longest: int) -> None:
    short = plots.short_name(text, longest)
    assert len(short) <= longest
    assert short.isprintable()
    if text.isprintable() and len(text) <= longest:
        assert short == text


def test_importing_plots_loads_no_matplotlib() -> None:
    code = "import sys, viewfinder.pages.plots; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_pyplot_is_never_loaded() -> None:
    code = (
        "import sys, numpy as np; from viewfinder.pages import plots;"
        "plots.confusion_matrix(np.eye(2), ['a', 'b']); plots.picture_grid([None], ['x']);"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
