"""Every figure against scikit-learn's, and the coverage of the intervals against simulation."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as oracle

from viewfinder.classifier.settings import Condition, read_condition, tempered
from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.shares import Figure
from viewfinder.evaluation.calibration import calibration, fit_temperature
from viewfinder.evaluation.metrics import Metrics, measure
from viewfinder.evaluation.thresholds import at_threshold, best_threshold

Drawn = tuple[NDArray[np.int64], NDArray[np.float64]]


@st.composite
def answers(draw: st.DrawFn) -> Drawn:
    """Labels and probabilities: with ties, certain answers, and classes without pictures."""
    count, classes = draw(st.integers(2, 60)), draw(st.integers(2, 6))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    labels = random.integers(0, draw(st.integers(1, classes)), count)
    shares = random.dirichlet(np.full(classes, draw(st.sampled_from([0.05, 0.5, 5.0]))), count)
    if draw(st.booleans()):
        shares = np.maximum(np.round(shares, 1), 1e-3)
    return labels, shares / shares.sum(axis=1, keepdims=True)


def names(shares: NDArray[np.float64]) -> list[str]:
    return [f"class {at}" for at in range(shares.shape[1])]


@given(answers())
def test_the_figures_are_those_of_scikit_learn(drawn: Drawn) -> None:
    labels, shares = drawn
    found = measure(labels, shares, names(shares))
    predicted, positions = shares.argmax(axis=1), list(range(shares.shape[1]))
    expected = {
        "accuracy": oracle.accuracy_score(labels, predicted),
        "log_loss": oracle.log_loss(labels, shares, labels=positions),
        "macro_f1": oracle.f1_score(
            labels, predicted, labels=positions, average="macro", zero_division=np.nan
        ),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of predicted classes without pictures
        expected["balanced_accuracy"] = oracle.balanced_accuracy_score(labels, predicted)
    target = labels if shares.shape[1] == 2 else np.eye(shares.shape[1])[labels]
    expected["brier"] = (
        oracle.brier_score_loss(labels, shares[:, 1], labels=[0, 1])
        if shares.shape[1] == 2
        else ((shares - target) ** 2).sum(axis=1).mean()
    )
    for name, value in expected.items():
        assert getattr(found, name).value == pytest.approx(value, abs=1e-9), name
    for k, figure in found.top.items():
        value = oracle.top_k_accuracy_score(labels, shares, k=k, labels=positions)
        assert figure.value == pytest.approx(value, abs=1e-9)
    areas = []
    for at, one in enumerate(found.per_class):
        is_class = labels == at
        options = {"labels": [at], "average": None, "zero_division": np.nan}
        for name in ("precision", "recall", "f1"):
            value = getattr(oracle, f"{name}_score")(labels, predicted, **options)[0]
            assert getattr(one, name).value == pytest.approx(value, abs=1e-9, nan_ok=True)
        assert one.support == is_class.sum()
        assert np.isnan(one.auc.value) == (is_class.all() or not is_class.any())
        if not np.isnan(one.auc.value):
            areas.append(oracle.roc_auc_score(is_class, shares[:, at]))
            assert one.auc.value == pytest.approx(areas[-1], abs=1e-9)
        if is_class.any():
            value = oracle.average_precision_score(is_class, shares[:, at])
            assert one.average_precision.value == pytest.approx(value, abs=1e-9)
    if areas:
        assert found.auc.value == pytest.approx(np.mean(areas), abs=1e-9)
    for figure in flat(found).values():
        assert np.isnan(figure.value) or figure.low <= figure.value + 1e-12
        assert np.isnan(figure.value) or figure.value <= figure.high + 1e-12


def flat(found: Metrics) -> dict[str, Figure]:
    """All figures with an interval; of the classes, the first one's."""
    whole = ("accuracy", "balanced_accuracy", "macro_f1", "auc", "log_loss", "brier")
    of_class = ("precision", "recall", "f1", "auc", "average_precision")
    return {
        **{name: getattr(found, name) for name in whole},
        **{f"class {name}": getattr(found.per_class[0], name) for name in of_class},
        **{f"top {k}": figure for k, figure in found.top.items()},
        "calibration error": found.calibration.error,
    }


def sample(random: np.random.Generator, count: int, classes: int, sharp: float) -> Drawn:
    """Answers of a model that is right as often as it says, made overconfident by `sharp`."""
    logits = random.normal(0, 2, (count, classes))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (random.random((count, 1)) > shares.cumsum(axis=1)).sum(axis=1).clip(0, classes - 1)
    shares = shares**sharp
    return labels, shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("count", "classes", "sharp"), [(50, 5, 1.5), (300, 3, 1.0)])
def test_the_intervals_cover_the_truth_95_times_in_100(
    count: int, classes: int, sharp: float
) -> None:
    random = np.random.default_rng(0)
    truth = flat(measure(*(big := sample(random, 30_000, classes, sharp)), names(big[1])))
    hits: dict[str, list[bool]] = {name: [] for name in truth}
    for _ in range(60):
        drawn = sample(random, count, classes, sharp)
        for name, figure in flat(measure(*drawn, names(drawn[1]))).items():
            hits[name].append(figure.low <= truth[name].value <= figure.high)
    shares = {name: float(np.mean(inside)) for name, inside in hits.items()}
    assert 0.93 <= np.mean(list(shares.values())) <= 0.97, shares
    assert min(shares.values()) >= 0.85, shares  # 60 draws: 3.6 standard deviations


def test_perfect_and_single_answers_have_intervals() -> None:
    found = measure([0, 1, 0], np.eye(2)[[0, 1, 0]], ["a", "b"])
    assert found.accuracy.value == found.auc.value == found.macro_f1.value == 1
    assert found.accuracy.low < 1
    assert found.auc.low < 1
    assert found.calibration.error.value == 0
    one = measure([0], [[0.8, 0.2]], ["a", "b"])
    assert np.isnan(one.auc.value)
    assert one.calibration.error[1:] == (0, 1)  # nothing is known of its sampling error
    assert one.to_json()["auc"] is None
    assert one.to_json()["per_class"][1]["recall"] is None


def test_the_reliability_diagram_counts_each_picture_once() -> None:
    labels, shares = sample(np.random.default_rng(1), 500, 3, 2.0)
    found = calibration(labels, shares)
    bins = found.bins
    assert bins["count"].sum() == 500
    gaps = (bins["accuracy"] - bins["confidence"]).abs()
    assert found.error.value == pytest.approx((gaps * bins["count"]).sum() / 500)
    assert ((bins["low"] <= bins["confidence"]) & (bins["confidence"] <= bins["high"])).all()


@pytest.mark.parametrize("sharp", [0.5, 1.0, 2.5])
def test_the_temperature_undoes_overconfidence(sharp: float) -> None:
    labels, shares = sample(np.random.default_rng(2), 6000, 4, sharp)
    temperature = fit_temperature(labels, shares)
    assert temperature == pytest.approx(sharp, rel=0.1)
    after = tempered(shares, temperature)
    assert (after.argmax(axis=1) == shares.argmax(axis=1)).all()
    assert oracle.log_loss(labels, after) <= oracle.log_loss(labels, shares)
    assert calibration(labels, after).error.low == 0


@given(answers(), st.sampled_from(["precision", "recall"]), st.floats(0.05, 1))
def test_no_other_threshold_meets_the_condition_and_is_better(
    drawn: Drawn, figure: str, goal: float
) -> None:
    labels, shares = drawn
    is_class, values = labels == 0, shares[:, 0]
    found = best_threshold(Condition(figure=figure, goal=goal, name="class 0"), is_class, values)  # type: ignore[arg-type]
    other = 1 if figure == "precision" else 0
    tried = [at_threshold(value, is_class, values) for value in np.unique(values)]
    fit = [pair[other].value for pair in tried if pair[1 - other].value >= goal]
    if not is_class.any() or not fit:
        assert found is None
        return
    assert found is not None
    reached = at_threshold(found, is_class, values)
    assert reached[1 - other].value >= goal
    assert reached[other].value == pytest.approx(max(fit))


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("precision >= 0.99 for cats", 0.99),
        ("precision ≥ 99 % for cats", 0.99),
        ("Precision>=.5 of cats", 0.5),
    ],
)
def test_conditions_are_read(text: str, goal: float) -> None:
    assert read_condition(text, ["cats", "dogs"]) == Condition(
        figure="precision", goal=goal, name="cats"
    )


@pytest.mark.parametrize(
    "text", ["", "precision", "precision >= 2 for cats", "accuracy >= 0.9 for cats"]
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a condition") as error:
        read_condition(text, ["cats"])
    assert "precision >= 0.99 for cats" in str(error.value)
    with pytest.raises(UsageError, match="no class 'cat'"):
        read_condition("precision >= 0.9 for cat", ["cats"])


def test_the_curves_are_those_of_the_areas() -> None:
    labels, shares = sample(np.random.default_rng(3), 200, 3, 1.0)
    found = measure(labels, shares, names(shares))
    for at, one in enumerate(found.per_class):
        roc, curve = found.roc(one.name), found.precision_recall(one.name)
        area = oracle.auc(roc["false_positives"], roc["recall"])
        assert area == pytest.approx(one.auc.value)
        steps = -np.diff(curve["recall"]) @ curve["precision"][:-1]
        assert steps == pytest.approx(one.average_precision.value)
        assert roc["threshold"].iloc[1] == pytest.approx(shares[:, at].max())
    with pytest.raises(DataError, match="no curve of class 0"):
        measure([0, 0], shares[:2], names(shares)).roc("class 0")
