"""Scores against scikit-learn, a published table and obvious NumPy."""

import json
import warnings
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from viewfinder.core.errors import DataError
from viewfinder.core.shares import wilson_interval
from viewfinder.evaluation.evaluate import score

NAMES = ["a", "b", "c", "d"]


def answers(seed: int, count: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.integers(0, classes, count), random.dirichlet(np.ones(classes), count)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(2, 4))
def test_equals_scikit_learn(seed: int, count: int, classes: int) -> None:
    labels, shares = answers(seed, count, classes)
    said = shares.argmax(axis=1)
    scores = score(labels, shares, NAMES[:classes])
    positions = list(range(classes))
    # Without `labels`, scikit-learn averages over the classes that occur: what ours does.
    assert scores.macro_f1 == pytest.approx(metrics.f1_score(labels, said, average="macro"))
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(labels, said))
    assert scores.loss == pytest.approx(
        metrics.log_loss(labels, shares, labels=positions), abs=1e-5
    )
    assert (scores.confusion == metrics.confusion_matrix(labels, said, labels=positions)).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 4))
def test_equals_counting_by_hand(seed: int, count: int, classes: int) -> None:
    labels, shares = answers(seed, count, classes)
    said = shares.argmax(axis=1)
    scores = score(labels, shares, NAMES[:classes])
    for place, one in enumerate(scores.per_class):
        hits = int(((labels == place) & (said == place)).sum())
        true, called = int((labels == place).sum()), int((said == place).sum())
        assert one.name == NAMES[place]
        assert one.support == true
        assert one.recall == (pytest.approx(hits / true) if true else None)
        assert one.precision == (pytest.approx(hits / called) if called else None)
        assert one.f1 == (pytest.approx(2 * hits / (true + called)) if true + called else None)


def test_loss_is_clipped_where_keras_clips() -> None:
    surely_wrong = score([0], [[0.0, 1.0]], ["a", "b"])
    assert surely_wrong.loss == pytest.approx(-np.log(1e-7))
    assert score([1], [[0.0, 1.0]], ["a", "b"]).loss == pytest.approx(1e-7, rel=1e-3)


def test_absent_class_has_no_recall_and_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = score([0, 0], [[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]], ["a", "b", "c"])
    assert [one.recall for one in scores.per_class] == [0.5, None, None]
    assert [one.precision for one in scores.per_class] == [1.0, 0.0, None]
    assert scores.macro_f1 == pytest.approx((2 / 3 + 0.0) / 2)


def test_record_cannot_be_changed_and_survives_json() -> None:
    scores = score([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], ["a", "b"])
    with pytest.raises(ValueError, match="read-only"):
        scores.confusion[0, 0] = 5
    plain = scores.to_json()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["confusion"] == [[1, 0], [1, 1]]
    assert plain["per_class"][1] == {
        "name": "b", "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2,
    }  # fmt: skip


# R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in
# Medicine 17 (1998), 857-872, table I, method 3 (Wilson's score without continuity correction).
@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_interval_equals_newcombes_table(right: int, count: int, low: float, high: float) -> None:
    assert wilson_interval(right, count) == pytest.approx((low, high), abs=5e-5)


@given(st.data(), st.integers(1, 5000), st.sampled_from([0.8, 0.95, 0.99]))
def test_interval_inverts_the_score_test(data: st.DataObject, count: int, confidence: float):
    """Its ends are the shares from which the observed one is z standard errors away."""
    right = data.draw(st.integers(0, count))
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = right / count
    low, high = wilson_interval(right, count, confidence)
    assert 0 <= low <= share <= high <= 1
    for end in {low, high} - {0.0, 1.0}:
        assert abs(share - end) == pytest.approx(z * np.sqrt(end * (1 - end) / count), rel=1e-6)
    assert (low == 0) is (right == 0)
    assert (high == 1) is (right == count)


@pytest.mark.parametrize(("right", "count"), [(0, 0), (5, 4), (-1, 4)])
def test_interval_refuses_impossible_counts(right: int, count: int) -> None:
    with pytest.raises(DataError, match=f"right = {right}, count = {count}"):
        wilson_interval(right, count)


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([], np.empty((0, 2)), r"shape \(0,\)\n  Remedy: score a split that has pictures"),
        ([[0]], [[1.0, 0.0]], r"shape \(1, 1\)"),
        ([0.0], [[1.0, 0.0]], "integers"),
        ([2], [[1.0, 0.0]], r"0 to 1, for 2 classes\n  Received: labels from 2 to 2"),
        ([-1], [[1.0, 0.0]], "labels from -1"),
        ([0], [[1.0, 0.0, 0.0]], r"Expected: shape \(1, 2\).*\n  Received: shape \(1, 3\)"),
        ([0], [1.0, 0.0], r"Received: shape \(2,\)"),
        ([0, 1], [[1.0, 0.0], [np.nan, 0.0]], "1 of 2 pictures, the first at index 1"),
        ([0], [[np.inf, 0.0]], "diverged"),
        ([0], [[4.2, -1.3]], "end the model with a softmax"),
        ([0], [[0.9, 0.9]], r"sum to 1\.8"),
    ],
)
def test_refuses_what_cannot_be_scored(labels: list, probabilities: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        score(labels, probabilities, ["a", "b"])


def test_takes_half_precision() -> None:
    shares = np.random.default_rng(0).dirichlet(np.ones(1000), 20).astype(np.float16)
    assert score(np.arange(20), shares, [f"{n}" for n in range(1000)]).count == 20
