"""Prediction sets and the reject threshold: against MAPIE, plain loops, and in simulation."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom

from viewfinder.classifier.sets import Method, PredictionSets, Reject
from viewfinder.core.errors import DataError, UsageError
from viewfinder.evaluation.conformal import SetOptions, fit_levels, measure_sets
from viewfinder.evaluation.rejection import reject_threshold, risk_coverage

METHODS: tuple[Method, ...] = ("lac", "aps")
Drawn = tuple[NDArray[np.int64], NDArray[np.float64]]


def draw(random: np.random.Generator, count: int, classes: int = 4) -> Drawn:
    """Labels, and probabilities of an overconfident model, some of them exactly 1."""
    labels = random.integers(0, classes, count)
    logits = random.normal(size=(count, classes)) * 3
    logits[np.arange(count), labels] += random.choice([1, 4, 60], count)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return labels, shares / shares.sum(axis=1, keepdims=True)


def fitted(drawn: Drawn, options: SetOptions, reject: Reject | None = None) -> PredictionSets:
    return PredictionSets(
        coverage=options.coverage,
        method=options.method,
        by_class=options.by_class,
        levels=list(fit_levels(*drawn, options)),
        pictures=len(drawn[0]),
        weaker=[],
        reject=reject,
        model=None,
    )


def plain_set(row: list[float], level: float, method: Method) -> set[int]:
    """The set of one picture, by the definition."""
    if method == "lac":
        return {at for at, share in enumerate(row) if 1 - share <= level}
    total, found = 0.0, set()
    for at in sorted(range(len(row)), key=lambda at: -row[at]):
        if found and total >= level:
            break
        found.add(at)
        total += row[at]
    return found


@given(st.integers(0, 2**32), st.sampled_from(METHODS), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
def test_sets_are_those_of_the_definition(seed: int, method: Method, coverage: float) -> None:
    random = np.random.default_rng(seed)
    labels, shares = draw(random, int(random.integers(19, 60)))
    scores = [
        1 - row[label]
        if method == "lac"
        else sum(share for share in row if share > row[label]) + part * row[label]
        for label, row, part in zip(
            labels, shares, np.random.default_rng(0).random(len(labels)), strict=True
        )
    ]
    level = sorted(scores)[math.ceil(round((len(labels) + 1) * coverage, 9)) - 1]
    _, others = draw(random, 50)
    inside = fitted((labels, shares), SetOptions(coverage, method)).contains(others)
    for row, found in zip(others, inside, strict=True):
        near = np.abs(np.cumsum(sorted(row, reverse=True)) - level).min() < 1e-12
        if not (method == "aps" and near):  # sums in another order differ by rounding
            assert set(np.flatnonzero(found)) == plain_set(row.tolist(), level, method)


@pytest.mark.parametrize("method", METHODS)
def test_sets_are_those_of_mapie(method: Method, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mapie", reason="MAPIE is not installed")
    from mapie.classification import SplitConformalClassifier
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Given(ClassifierMixin, BaseEstimator):
        """Answers with the probabilities that it is given."""

        classes_ = np.arange(4)
        n_features_in_ = 4

        def fit(self, *_: object) -> "Given":
            return self

        def predict_proba(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
            return shares

        def predict(self, shares: NDArray[np.float64]) -> NDArray[np.int64]:
            return np.asarray(shares.argmax(axis=1))

    random = np.random.default_rng(3)
    labels = random.integers(0, 4, 500)
    shares = random.dirichlet(np.ones(4), 500) + np.eye(4)[labels] * 0.5
    shares /= shares.sum(axis=1, keepdims=True)
    others = random.dirichlet(np.ones(4), 400)
    oracle = SplitConformalClassifier(
        Given(), confidence_level=0.9, prefit=True, conformity_score=method, random_state=0
    )
    oracle.conformalize(shares, labels)
    options = {} if method == "lac" else {"conformity_score_params": {"include_last_label": True}}
    expected = oracle.predict_set(others, **options)[1][:, :, 0]

    class AsMapie(np.random.RandomState):
        """MAPIE subtracts what is added here."""

        def random(self, size: int) -> NDArray[np.float64]:  # type: ignore[override]
            return 1 - super().random(size)

    monkeypatch.setattr(np.random, "default_rng", AsMapie)
    found = fitted((labels, shares), SetOptions(0.9, method)).contains(others)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_the_coverage_is_the_requested_one(method: Method, by_class: bool) -> None:
    random = np.random.default_rng(5)
    options = SetOptions(0.9, method, by_class)
    found = []
    for _ in range(60):
        sets = fitted(draw(random, 400), options)
        labels, shares = draw(random, 2000)
        covered = sets.contains(shares)[np.arange(2000), labels]
        found.append([covered[labels == at].mean() for at in range(4)])
    means = np.mean(found, axis=0)
    assert (means > 0.89).all()
    if method == "lac":
        assert (means < 0.92).all()  # APS includes the class that crosses the level


@pytest.mark.parametrize("method", METHODS)
def test_a_certain_model_that_is_wrong_keeps_the_coverage(method: Method) -> None:
    """Probabilities of exactly 0 for the true class are ties at the largest level."""
    labels = np.zeros(100, np.int64)
    shares = np.tile([[1.0, 0.0]], (100, 1))
    shares[:20] = [0.0, 1.0]
    assert fitted((labels, shares), SetOptions(0.9, method)).contains(shares).all()


def test_lac_leaves_a_set_empty_where_nothing_fits() -> None:
    labels = np.arange(100) % 2
    shares = np.where(np.eye(2, dtype=bool)[labels], 0.9, 0.1)
    sets = fitted((labels, shares), SetOptions(0.95))
    assert sets.contains(np.array([[0.5, 0.5], [0.95, 0.05]])).tolist() == [
        [False] * 2,
        [True, False],
    ]


def test_too_few_pictures_are_reported() -> None:
    random = np.random.default_rng(0)
    labels, shares = draw(random, 19)
    assert None not in fit_levels(labels, shares, SetOptions(0.95))
    with pytest.raises(DataError, match="too few pictures") as error:
        fit_levels(labels[1:], shares[1:], SetOptions(0.95))
    assert "at least 19" in str(error.value)
    labels, shares = draw(random, 300)
    labels[labels == 2] = 1
    levels = fit_levels(labels, shares, SetOptions(0.95, by_class=True))
    assert [level is None for level in levels] == [False, False, True, False]
    for coverage in (0.0, 1.0, float("nan")):
        with pytest.raises(UsageError, match="coverage"):
            SetOptions(coverage)


def test_the_figures_of_sets() -> None:
    shares = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.99, 0.01]])
    sets = PredictionSets(
        coverage=0.9, method="lac", by_class=False, levels=[0.5, 0.5], pictures=20, weaker=[],
        reject=Reject(above=0.85, error_bound=0.1, answered=0.5), model=None,
    )  # fmt: skip
    found = measure_sets(sets, np.array([0, 1, 1, 1]), shares, ["a", "b"])
    assert found.coverage.value == 3 / 4
    assert (found.by_class["a"].value, found.by_class["b"].value) == (1, 2 / 3)
    assert (found.mean_size, found.sizes) == (5 / 4, {1: 3, 2: 1})
    assert found.answered is not None
    assert found.error is not None
    assert (found.answered.value, found.error.value) == (1 / 2, 1 / 2)


@given(st.integers(0, 2**32), st.integers(1, 90))
def test_the_curve_counts_what_is_answered(seed: int, count: int) -> None:
    labels, shares = draw(np.random.default_rng(seed), count)
    curve = risk_coverage(labels, shares)
    assert curve["answered"].iloc[-1] == 1
    assert curve["answered"].is_monotonic_increasing
    for row in curve.itertuples():
        answered = [at for at in range(count) if max(shares[at]) > row.above]
        errors = sum(int(shares[at].argmax() != labels[at]) for at in answered)
        assert row.count == len(answered)
        assert row.error == pytest.approx(errors / len(answered))
        if errors < len(answered):
            below = binom.cdf(errors, len(answered), row.error_bound)
            assert below == pytest.approx(0.05 / 20)
        else:
            assert row.error_bound == 1


def test_the_error_stays_below_its_bound_in_95_percent_of_the_draws() -> None:
    """The errors of pictures with confidence c are 1 - c: the error above a threshold is known."""
    random = np.random.default_rng(11)
    broken = answered = 0
    for _ in range(300):
        sure = random.uniform(0.5, 1, 400)
        labels = (random.uniform(size=400) > sure).astype(np.int64)
        found = reject_threshold(labels, np.stack([sure, 1 - sure], axis=1), 0.2)
        if found is not None:
            answered += 1
            broken += 1 - (max(found.above, 0.5) + 1) / 2 > found.error_bound
    assert answered > 250
    assert broken <= 0.05 * 300


def test_no_threshold_where_the_model_guesses() -> None:
    labels = np.random.default_rng(0).integers(0, 2, 500)
    shares = np.random.default_rng(1).dirichlet([1, 1], 500)
    assert reject_threshold(labels, shares, 0.1) is None
    assert reject_threshold(labels[:5], np.eye(2)[labels[:5]], 0.1) is None  # too few


def test_the_module_of_sets_needs_only_numpy() -> None:
    code = (
        "import sys, viewfinder.classifier.sets\n"
        "print(sorted({'scipy', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
