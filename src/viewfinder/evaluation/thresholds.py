"""Thresholds: the probability from which one class has a requested precision or recall."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.classifier.settings import ClassThreshold, Condition, Settings
from viewfinder.core.shares import Figure, share
from viewfinder.evaluation.answers import arrays_of
from viewfinder.evaluation.calibration import fit_temperature
from viewfinder.evaluation.sweep import precision_recall_curve


@dataclass(frozen=True)
class Threshold:
    """The threshold of a condition, and its figures.

    Attributes:
        condition: What was requested.
        threshold: The probability from which the answer is this class; None where none suffices.
        chosen_on: The pictures that chose it; their figures are optimistic.
        precision: On the evaluated pictures; unknown without a threshold.
        recall: On the evaluated pictures.
    """

    condition: Condition
    threshold: float | None
    chosen_on: str
    precision: Figure
    recall: Figure

    def to_json(self) -> dict[str, Any]:
        """Return the record as `--json` prints it."""
        return {
            **self.condition.content,
            "threshold": self.threshold,
            "chosen_on": self.chosen_on,
            "precision": self.precision.to_json(),
            "recall": self.recall.to_json(),
        }


def best_threshold(
    condition: Condition, is_class: NDArray[np.bool_], values: NDArray[np.float64]
) -> float | None:
    """Return the threshold that meets a condition, and has the best of the other figure.

    Args:
        condition: The figure and its least value.
        is_class: Whether each picture is of the class, shape `(n,)`.
        values: The probability of the class, shape `(n,)`.

    Returns:
        A probability, at or above which the answer is the class; None where none suffices.
    """
    if not is_class.any():
        return None
    precision, recall, thresholds = precision_recall_curve(is_class, values)
    figures = {"precision": precision[:-1], "recall": recall[:-1]}
    other = figures["recall" if condition.figure == "precision" else "precision"]
    enough = figures[condition.figure] >= condition.goal
    if not enough.any():
        return None
    return float(thresholds[np.where(enough, other, -1.0).argmax()])


def fit_settings(
    rows: pd.DataFrame, classes: Sequence[str], conditions: Iterable[Condition], model: str | None
) -> Settings:
    """Return the temperature, and a threshold for each condition, that validation pictures choose.

    Args:
        rows: The predictions of the validation pictures; without any there is no temperature.
        classes: The class names.
        conditions: The conditions; none without pictures.
        model: The name of the model.
    """
    if not len(rows):
        return Settings(temperature=None, thresholds=[], pictures=0, model=model)
    labels, shares = arrays_of(rows, classes)
    thresholds = []
    for condition in conditions:
        at = list(classes).index(condition.name)
        threshold = best_threshold(condition, labels == at, shares[:, at])
        facts = {key: getattr(condition, key) for key in Condition.model_fields}
        thresholds.append(ClassThreshold(**facts, threshold=threshold))
    temperature = fit_temperature(labels, shares)
    return Settings(temperature=temperature, thresholds=thresholds, pictures=len(rows), model=model)


def at_threshold(
    threshold: float, is_class: NDArray[np.bool_], values: NDArray[np.float64]
) -> tuple[Figure, Figure]:
    """Return precision and recall of answers at or above a threshold."""
    answered = values >= threshold
    hits = int((answered & is_class).sum())
    return share(hits, int(answered.sum())), share(hits, int(is_class.sum()))
