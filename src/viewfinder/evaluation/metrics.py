"""All figures of a classifier on labelled pictures, with intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from viewfinder.classifier.settings import tempered
from viewfinder.core.errors import DataError
from viewfinder.core.shares import UNKNOWN, Figure, share
from viewfinder.evaluation.calibration import Calibration, calibration
from viewfinder.evaluation.evaluate import Scores, checked, score
from viewfinder.evaluation.intervals import (
    average_precision,
    f1,
    mean_of_shares,
    positive_mean,
    smooth,
    table_of,
)
from viewfinder.evaluation.sweep import mean_precision, precision_recall_curve, roc_curve

Matrix = NDArray[np.float64]
Labels = NDArray[np.intp]

_TOPS = (3, 5)
_ROUNDING = 1e-12
_SMALLEST = np.finfo(np.float64).eps


@dataclass(frozen=True)
class ClassMetrics:
    """The figures of one class against the others; unknown where there is nothing to divide by."""

    name: str
    support: int
    precision: Figure
    recall: Figure
    f1: Figure
    auc: Figure
    average_precision: Figure


@dataclass(frozen=True, eq=False)
class Metrics:
    """The figures of a classifier, as scikit-learn defines them.

    Attributes:
        scores: Accuracy, confusion matrix and per-class figures without intervals.
        accuracy: The share of right answers.
        top: By k, the share of pictures whose class is among the k most probable.
        balanced_accuracy: The mean recall of the classes that have pictures.
        macro_f1: The mean F1 of the classes that have one.
        auc: The mean area under the ROC curves, each class against the others.
        log_loss: The mean cross-entropy in nats.
        brier: The Brier score: the mean squared error of the probabilities; over both classes
            halved, as usual for two.
        per_class: The figures of each class.
        calibration: The reliability diagram and its error.
        labels: The true classes as indices, shape `(n,)`.
        probabilities: Rows that sum to 1, shape `(n, k)`.
    """

    scores: Scores
    accuracy: Figure
    top: dict[int, Figure]
    balanced_accuracy: Figure
    macro_f1: Figure
    auc: Figure
    log_loss: Figure
    brier: Figure
    per_class: tuple[ClassMetrics, ...]
    calibration: Calibration
    labels: Labels = field(repr=False)
    probabilities: Matrix = field(repr=False)

    def __repr__(self) -> str:
        return (
            f"<Metrics of {self.scores.count:,} pictures: accuracy {self.accuracy.value:.3f} "
            f"({self.accuracy.low:.3f} to {self.accuracy.high:.3f})>"
        )

    def roc(self, name: str) -> pd.DataFrame:
        """Return the ROC curve of a class: `false_positives`, `recall` (shares), `threshold`."""
        columns = ("false_positives", "recall", "threshold")
        return self._curve(name, columns, roc_curve)

    def precision_recall(self, name: str) -> pd.DataFrame:
        """Return the curve of a class: `precision`, `recall`, `threshold`, which ends at 1, 0."""
        columns = ("precision", "recall", "threshold")
        return self._curve(name, columns, precision_recall_curve)

    def _curve(self, name: str, columns: tuple[str, ...], of: Callable[..., Any]) -> pd.DataFrame:
        at = [one.name for one in self.per_class].index(name)
        is_class = self.labels == at
        if is_class.all() or not is_class.any():
            raise DataError(
                f"There is no curve of {name}.",
                expected="pictures of this class and of others",
                received=f"{is_class.sum():,} of {len(is_class):,} pictures",
            )
        return pd.DataFrame(
            dict(zip(columns, map(pd.Series, of(is_class, self.probabilities[:, at])), strict=True))
        )

    def at_temperature(self, temperature: float) -> "Metrics":
        """Return the figures with the logarithms of the probabilities divided by a temperature."""
        classes = [one.name for one in self.per_class]
        return measure(self.labels, tempered(self.probabilities, temperature), classes)

    @property
    def table(self) -> pd.DataFrame:
        """A row for each class: its figures without intervals."""
        rows = [
            [one.support, *(figure.value for figure in _figures(one).values())]
            for one in self.per_class
        ]
        index = pd.Index([one.name for one in self.per_class], name="class")
        return pd.DataFrame(rows, index, ["support", *_figures(self.per_class[0])])

    @property
    def figures(self) -> pd.DataFrame:
        """A row for each figure of all classes: `value`, and the interval from `low` to `high`."""
        rows: dict[str, Figure | None] = {
            "accuracy": self.accuracy,
            **{f"top-{k} accuracy": figure for k, figure in self.top.items()},
            "balanced accuracy": self.balanced_accuracy,
            "macro F1": self.macro_f1,
            "mean AUC": self.auc,
            "log loss": self.log_loss,
            "Brier score": self.brier,
            "calibration error": self.calibration.error,
        }
        return table_of(rows)

    def _repr_html_(self) -> str:
        return f"{self.figures.to_html()}{self.table.to_html()}"

    def to_json(self) -> dict[str, Any]:
        """Return the figures, each with `value` and `interval`; None where unknown."""
        names = ("accuracy", "balanced_accuracy", "macro_f1", "auc", "log_loss", "brier")
        return {
            "count": self.scores.count,
            **{name: getattr(self, name).to_json() for name in names},
            "top": {str(k): figure.to_json() for k, figure in self.top.items()},
            "calibration_error": self.calibration.error.to_json(),
            "reliability": self.calibration.bins.to_dict("records"),
            "per_class": [
                {
                    "name": one.name,
                    "support": one.support,
                    **{key: figure.to_json() for key, figure in _figures(one).items()},
                }
                for one in self.per_class
            ],
            "confusion": self.scores.confusion.tolist(),
        }


def _figures(one: ClassMetrics) -> dict[str, Figure]:
    names = ("precision", "recall", "f1", "auc", "average_precision")
    return {name: getattr(one, name) for name in names}


def measure(labels: ArrayLike, probabilities: ArrayLike, classes: Sequence[str]) -> Metrics:
    """Measure probabilities against labels; the most probable class counts as the answer.

    Intervals are of 95 %: Wilson's for shares, and the F1 of a class from them; those of averages
    over classes by the delta method; docs/evaluation.md names each.

    Args:
        labels: True classes as indices into `classes`, integer, shape `(n,)`.
        probabilities: A row per picture, a column per class, 0 to 1, shape `(n, k)`.
        classes: The k class names, in the order of the columns.

    Raises:
        DataError: As for :func:`viewfinder.evaluation.evaluate.score`.
    """
    truth, shares = checked(labels, probabilities, len(classes))
    sums = shares.sum(axis=1, keepdims=True)
    if np.abs(sums - 1).max() > _ROUNDING:  # not always: rounding would break ties
        shares = shares / sums
    scores = score(truth, shares, classes)
    confusion = scores.confusion
    count, right = scores.count, int(np.trace(confusion))
    recalls = [share(int(row[at]), int(row.sum())) for at, row in enumerate(confusion)]
    areas = [_area(truth == at, shares[:, at]) for at in range(len(classes))]
    known = [area for area in areas if area is not None]
    return Metrics(
        scores=scores,
        accuracy=share(right, count),
        top={k: _top(truth, shares, k) for k in _TOPS if k < len(classes)},
        balanced_accuracy=mean_of_shares([one for one in recalls if not np.isnan(one.value)]),
        macro_f1=_macro_f1(truth, shares.argmax(axis=1), scores),
        auc=smooth(*_mean(known)) if known else UNKNOWN,
        log_loss=positive_mean(_losses(truth, shares)),
        brier=positive_mean(_squares(truth, shares)),
        per_class=tuple(
            _of_class(at, name, confusion, truth, shares, areas[at])
            for at, name in enumerate(classes)
        ),
        calibration=calibration(truth, shares),
        labels=truth,
        probabilities=shares,
    )


# A figure, and what each picture adds to it at first order.
Influence = tuple[float, NDArray[np.float64]]


def _of_class(
    at: int,
    name: str,
    confusion: NDArray[np.int64],
    truth: Labels,
    shares: Matrix,
    area: Influence | None,
) -> ClassMetrics:
    hits, support = int(confusion[at, at]), int(confusion[at].sum())
    answered = int(confusion[:, at].sum())
    return ClassMetrics(
        name,
        support,
        precision=share(hits, answered),
        recall=share(hits, support),
        f1=f1(hits, support + answered - 2 * hits),
        auc=smooth(*area) if area else UNKNOWN,
        average_precision=_precision_area(truth == at, shares[:, at]) if support else UNKNOWN,
    )


def area_under_roc(is_class: NDArray[np.bool_], values: NDArray[np.float64]) -> Figure:
    """Return the area under the ROC curve with its interval; unknown without both sides.

    Args:
        is_class: Which pictures should have the larger values, shape `(n,)`.
        values: Shape `(n,)`.
    """
    area = _area(is_class, values)
    return smooth(*area) if area else UNKNOWN


def _precision_area(is_class: NDArray[np.bool_], values: NDArray[np.float64]) -> Figure:
    return average_precision(mean_precision(is_class, values), int(is_class.sum()))


def _area(is_class: NDArray[np.bool_], values: NDArray[np.float64]) -> Influence | None:
    """Return the area under the ROC curve, with each picture's share of it minus the mean.

    E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the areas under two or more
    correlated receiver operating characteristic curves", Biometrics 44 (1988).
    """
    positives = int(is_class.sum())
    negatives = len(values) - positives
    if not positives or not negatives:
        return None
    ranks = _ranks(values)
    below = np.empty(len(values))  # the share of the other side that a picture is ranked right of
    below[is_class] = (ranks[is_class] - _ranks(values[is_class])) / negatives
    below[~is_class] = 1 - (ranks[~is_class] - _ranks(values[~is_class])) / positives
    value = float(below[is_class].mean())
    weights = np.where(is_class, len(values) / positives, len(values) / negatives)
    return value, (below - value) * weights


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ranks from 1, shape `(n,)`; equal values share the mean of theirs."""
    _, numbers, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[numbers], np.float64)


def _mean(parts: list[Influence]) -> Influence:
    values, influences = zip(*parts, strict=True)
    return float(np.mean(values)), np.mean(influences, axis=0)


def _macro_f1(truth: Labels, answers: Labels, scores: Scores) -> Figure:
    parts: list[Influence] = []
    for at, one in enumerate(scores.per_class):
        if one.f1 is not None:
            is_class, is_answer = truth == at, answers == at
            weight = (is_class.mean() + is_answer.mean()) / 2
            hits = (is_class & is_answer) - one.f1 * (is_class.astype(float) + is_answer) / 2
            parts.append((one.f1, hits / weight))
    return smooth(scores.macro_f1, _mean(parts)[1])


def _top(truth: Labels, shares: Matrix, k: int) -> Figure:
    of_truth = np.take_along_axis(shares, truth[:, None], axis=1)
    is_later = np.arange(shares.shape[1]) > truth[:, None]
    is_ahead = (shares > of_truth) | ((shares == of_truth) & is_later)  # ties as in scikit-learn
    return share(int((is_ahead.sum(axis=1) < k).sum()), len(truth))


def _losses(truth: Labels, shares: Matrix) -> NDArray[np.float64]:
    of_truth = shares[np.arange(len(truth)), truth]
    return np.asarray(-np.log(np.clip(of_truth, _SMALLEST, 1 - _SMALLEST)))


def _squares(truth: Labels, shares: Matrix) -> NDArray[np.float64]:
    squares = ((shares - np.eye(shares.shape[1])[truth]) ** 2).sum(axis=1)
    return np.asarray(squares / 2 if shares.shape[1] == 2 else squares)
