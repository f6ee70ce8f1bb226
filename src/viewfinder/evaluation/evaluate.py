"""Scores of a classifier: accuracy with its interval, loss, per-class figures, confusion matrix."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from viewfinder.core.errors import DataError
from viewfinder.core.shares import Jsonable, wilson_interval
from viewfinder.evaluation.answers import arrays_of

# Keras clips probabilities at `keras.config.epsilon()` before it takes their logarithm.
_EPSILON = 1e-7

# Half-precision probabilities of 1000 classes add up to within 0.01 of one; logits do not.
_SUM_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class ClassScore(Jsonable):
    """The scores of one class, from 0 to 1, or None where the denominator is 0.

    Attributes:
        name: The class.
        precision: The share of right ones among the pictures predicted as this class.
        recall: The share of this class's pictures that are predicted as it.
        f1: The harmonic mean of precision and recall.
        support: The number of pictures of this class.
    """

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True, slots=True, eq=False)
class Scores(Jsonable):
    """The scores of a classifier on one split.

    Attributes:
        count: The number of pictures.
        accuracy: The share of right answers, 0 to 1.
        accuracy_interval: The 95 % interval of the accuracy, from `wilson_interval`.
        loss: Mean cross-entropy in nats.
        macro_f1: The mean F1 of the classes that have one.
        per_class: A score for each class, in class order.
        confusion: Counts, int64, `(k, k)`, read-only: the row is the true class, the column the
            predicted one.
    """

    count: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    loss: float
    macro_f1: float
    per_class: tuple[ClassScore, ...]
    confusion: NDArray[np.int64]

    def __repr__(self) -> str:
        low, high = self.accuracy_interval
        return (
            f"<Scores of {self.count:,} pictures: accuracy {self.accuracy:.3f} "
            f"({low:.3f} to {high:.3f}), loss {self.loss:.3f}, macro F1 {self.macro_f1:.3f}>"
        )

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self)[1:-1])}</p>{self.table.to_html()}"

    @property
    def table(self) -> pd.DataFrame:
        """A row for each class: its scores; NaN where the denominator is 0."""
        rows = [one.to_json() for one in self.per_class]
        table = pd.DataFrame(rows).set_index("name").rename_axis("class")
        return table.astype(dict.fromkeys(("precision", "recall", "f1"), float))


def score(labels: ArrayLike, probabilities: ArrayLike, classes: Sequence[str]) -> Scores:
    """Score probabilities against labels; the most probable class counts as the answer.

    Args:
        labels: True classes as indices into `classes`, integer, shape `(n,)`.
        probabilities: A row per picture, a column per class, 0 to 1, shape `(n, k)`.
        classes: The k class names, in the order of the columns.

    Raises:
        DataError: Shapes do not match, there is no picture, a label is not the index of a class,
            or a row is not a distribution.
    """
    truth, shares = checked(labels, probabilities, len(classes))
    answers = shares.argmax(axis=1)
    right = int((answers == truth).sum())
    confusion = _confusion(truth, answers, len(classes))
    per_class = _per_class(confusion, classes)
    return Scores(
        count=len(truth),
        accuracy=right / len(truth),
        accuracy_interval=wilson_interval(right, len(truth)),
        loss=_cross_entropy(truth, shares),
        macro_f1=float(np.mean([one.f1 for one in per_class if one.f1 is not None])),
        per_class=per_class,
        confusion=confusion,
    )


def score_split(
    answers: pd.DataFrame, classes: Sequence[str], leaks: Mapping[str, str]
) -> dict[str, Any]:
    """Return a split's entry in `metrics.json`: its scores, and those without leaks if it has any.

    Args:
        answers: A row per picture: `locator`, `label` and `probabilities`.
        classes: The class names, in the order of the probabilities.
        leaks: "exact" or "near" by the locator of a picture that has a duplicate in training.
    """
    kinds = answers["locator"].map(leaks)
    found = score(*arrays_of(answers, classes), classes).to_json()
    if not kinds.notna().any():
        return found
    clean = answers[kinds.isna()]
    counts = {kind: int((kinds == kind).sum()) for kind in ("exact", "near")}
    without = score(*arrays_of(clean, classes), classes).to_json() if len(clean) else None
    return {**found, "leaks": counts, "without_leaks": without}


def _cross_entropy(truth: NDArray[np.intp], shares: NDArray[np.float64]) -> float:
    of_truth = shares[np.arange(len(truth)), truth]
    return float(-np.log(np.clip(of_truth, _EPSILON, 1 - _EPSILON)).mean())


def _confusion(
    truth: NDArray[np.intp], answers: NDArray[np.intp], classes: int
) -> NDArray[np.int64]:
    # scikit-learn's `confusion_matrix` warns about a single class even where `labels` names it.
    pairs = np.bincount(truth * classes + answers, minlength=classes**2).astype(np.int64)
    confusion = pairs.reshape(classes, classes)
    confusion.setflags(write=False)
    return confusion


def _per_class(confusion: NDArray[np.int64], classes: Sequence[str]) -> tuple[ClassScore, ...]:
    hits, predicted, support = confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1)
    return tuple(
        ClassScore(name, _ratio(hit, found), _ratio(hit, of), _ratio(2 * hit, found + of), int(of))
        for name, hit, found, of in zip(classes, hits, predicted, support, strict=True)
    )


def _ratio(count: np.int64, of: np.int64) -> float | None:
    return float(count / of) if of else None


def checked(
    labels: ArrayLike, probabilities: ArrayLike, classes: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return labels and probabilities as arrays of shapes `(n,)` and `(n, classes)`.

    Raises:
        DataError: As for :func:`score`.
    """
    truth = _checked_labels(np.asarray(labels), classes)
    return truth, _checked_probabilities(np.asarray(probabilities), (len(truth), classes))


def _checked_labels(labels: NDArray[Any], classes: int) -> NDArray[np.intp]:
    if labels.ndim != 1 or labels.size == 0 or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            "The labels cannot be scored.",
            expected="the index of a class for each of one or more pictures: integers, shape (n,)",
            received=f"{labels.dtype} of shape {labels.shape}",
            remedy="score a split that has pictures" if labels.size == 0 else None,
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(
            "A label is not the index of a class.",
            expected=f"0 to {classes - 1}, for {classes} classes",
            received=f"labels from {labels.min()} to {labels.max()}",
            remedy="take labels and class names from the same dataset or bundle",
        )
    return labels.astype(np.intp)


def _checked_probabilities(values: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.float64]:
    if values.shape != shape:
        raise DataError(
            "The probabilities do not match the labels and classes.",
            expected=f"shape {shape}: a row per picture, a column per class",
            received=f"shape {values.shape}",
            remedy="predict the same pictures, in the same order, with the same classes",
        )
    shares = values.astype(np.float64)
    broken = ~np.isfinite(shares).all(axis=1)
    if broken.any():
        raise DataError(
            "The model's probabilities are not finite.",
            expected="finite probabilities",
            received=f"NaN or infinity for {broken.sum()} of {len(shares)} pictures, "
            f"the first at index {broken.argmax()}",
            remedy="training has diverged: lower the learning rate and train again",
        )
    outside = (shares.min() < -_EPSILON) or (shares.max() > 1 + _SUM_TOLERANCE)
    if outside or np.abs(shares.sum(axis=1) - 1).max() > _SUM_TOLERANCE:
        raise DataError(
            "The model's outputs are not probabilities.",
            expected="values from 0 to 1 that sum to 1 in each row",
            received=f"values from {shares.min():.4g} to {shares.max():.4g}, "
            f"rows that sum to {shares.sum(axis=1).min():.4g} to {shares.sum(axis=1).max():.4g}",
            remedy="end the model with a softmax: logits cannot be scored",
        )
    return shares
