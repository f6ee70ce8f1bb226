"""Thresholds by wish: the probability from which one class has the precision that is requested."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import UsageError, nearest
from viewfinder.evaluation.intervals import Figure, share

_WISH = re.compile(
    r"\s*(?P<figure>precision|recall)\s*(?:>=|≥|=>)\s*(?P<goal>\d*\.?\d+)\s*(?P<percent>%?)"
    r"\s*(?:for|of)\s+(?P<name>.+?)\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Wish:
    """A requested figure of one class: "precision >= 0.99 for cats"."""

    figure: Literal["precision", "recall"]
    goal: float
    name: str


@dataclass(frozen=True)
class Threshold:
    """The threshold of a wish, and its figures.

    Attributes:
        wish: What was requested.
        threshold: The probability from which the answer is this class; None where none suffices.
        chosen_on: The pictures that chose it; their figures are optimistic.
        precision: On the evaluated pictures; unknown without a threshold.
        recall: On the evaluated pictures.
    """

    wish: Wish
    threshold: float | None
    chosen_on: str
    precision: Figure
    recall: Figure

    def to_json(self) -> dict[str, Any]:
        """Return the record as `--json` prints it."""
        return {
            **asdict(self.wish),
            "threshold": self.threshold,
            "chosen_on": self.chosen_on,
            "precision": self.precision.to_json(),
            "recall": self.recall.to_json(),
        }


def read_wish(text: str, classes: Sequence[str]) -> Wish:
    """Read a wish such as "precision >= 0.99 for cats", or "recall ≥ 95 % for dogs".

    Raises:
        UsageError: The text is not a goal, or there is no such class.
    """
    found = _WISH.fullmatch(text)
    goal = float(found["goal"]) / (100 if found["percent"] else 1) if found else 0.0
    if not found or not 0 < goal <= 1:
        raise UsageError(
            f"`threshold`: {text!r} is not a threshold's goal.",
            expected="'precision >= 0.99 for cats' or 'recall >= 95 % for cats'",
        )
    if found["name"] not in classes:
        raise UsageError(
            f"There is no class {found['name']!r}.", remedy=nearest(found["name"], classes)
        )
    figure = cast('Literal["precision", "recall"]', found["figure"].lower())
    return Wish(figure, goal, found["name"])


def best_threshold(
    wish: Wish, is_class: NDArray[np.bool_], values: NDArray[np.float64]
) -> float | None:
    """Return the threshold that meets a wish, and has the best of the other figure.

    Args:
        wish: The figure and its least value.
        is_class: Whether each picture is of the class, shape `(n,)`.
        values: The probability of the class, shape `(n,)`.

    Returns:
        A probability, at or above which the answer is the class; None where none meets the wish.
    """
    from sklearn.metrics import precision_recall_curve

    if not is_class.any():
        return None
    precision, recall, thresholds = precision_recall_curve(is_class, values)
    figures = {"precision": precision[:-1], "recall": recall[:-1]}
    other = figures["recall" if wish.figure == "precision" else "precision"]
    enough = figures[wish.figure] >= wish.goal
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
