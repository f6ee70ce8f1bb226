"""Thresholds: the probability from which one class has a requested precision or recall."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import UsageError, nearest
from viewfinder.evaluation.intervals import Figure, share

_CONDITION = re.compile(
    r"\s*(?P<figure>precision|recall)\s*(?:>=|≥|=>)\s*(?P<goal>\d*\.?\d+)\s*(?P<percent>%?)"
    r"\s*(?:for|of)\s+(?P<name>.+?)\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Condition:
    """A requested figure of one class: "precision >= 0.99 for cats"."""

    figure: Literal["precision", "recall"]
    goal: float
    name: str


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
            **asdict(self.condition),
            "threshold": self.threshold,
            "chosen_on": self.chosen_on,
            "precision": self.precision.to_json(),
            "recall": self.recall.to_json(),
        }


def read_condition(text: str, classes: Sequence[str]) -> Condition:
    """Read a condition such as "precision >= 0.99 for cats", or "recall ≥ 95 % for dogs".

    Raises:
        UsageError: The text is not a condition, or there is no such class.
    """
    found = _CONDITION.fullmatch(text)
    goal = float(found["goal"]) / (100 if found["percent"] else 1) if found else 0.0
    if not found or not 0 < goal <= 1:
        raise UsageError(
            f"`threshold`: {text!r} is not a condition.",
            expected="'precision >= 0.99 for cats' or 'recall >= 95 % for cats'",
        )
    if found["name"] not in classes:
        raise UsageError(
            f"There is no class {found['name']!r}.", remedy=nearest(found["name"], classes)
        )
    figure = cast('Literal["precision", "recall"]', found["figure"].lower())
    return Condition(figure, goal, found["name"])


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
    from sklearn.metrics import precision_recall_curve

    if not is_class.any():
        return None
    precision, recall, thresholds = precision_recall_curve(is_class, values)
    figures = {"precision": precision[:-1], "recall": recall[:-1]}
    other = figures["recall" if condition.figure == "precision" else "precision"]
    enough = figures[condition.figure] >= condition.goal
    if not enough.any():
        return None
    return float(thresholds[np.where(enough, other, -1.0).argmax()])


def at_threshold(
    threshold: float, is_class: NDArray[np.bool_], values: NDArray[np.float64]
) -> tuple[Figure, Figure]:
    """Return precision and recall of answers at or above a threshold."""
    answered = values >= threshold
    hits = int((answered & is_class).sum())
    return share(hits, int(answered.sum())), share(hits, int(is_class.sum()))
