"""What a prediction states, and the rule by which it follows from the probabilities."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.classifier.sets import PredictionSets
from viewfinder.core.errors import RejectedPicture, UsageError

# The label of a picture whose confidence is below the threshold.
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Prediction:
    """The prediction for one picture.

    Attributes:
        picture: The path, or "#" and the index of a picture given as bytes or pixels.
        label: The most probable class; "unknown" where its probability is below the requested
            threshold; None for a rejected picture.
        confidence: The probability of the most probable class, 0 to 1; 0 for a rejected picture.
        probabilities: The probability of each class, the most probable first.
        rejection: The reason for the rejection, or None.
        classes: The prediction set, the most probable class first: empty where no class fits, or
            for a rejected picture; None where no coverage was requested.
    """

    picture: str
    label: str | None
    confidence: float
    probabilities: dict[str, float]
    rejection: str | None = None
    classes: tuple[str, ...] | None = None

    def to_json(self, top: int | None = None) -> dict[str, Any]:
        """Return the record as `--json` prints it, with the `top` most probable classes."""
        return {
            "picture": self.picture,
            "label": self.label,
            "confidence": self.confidence,
            "probabilities": dict(islice(self.probabilities.items(), top)),
            "rejection": self.rejection,
            "set": None if self.classes is None else list(self.classes),
        }


@dataclass(frozen=True)
class PredictOptions:
    """What is requested of predictions besides the probabilities.

    Attributes:
        coverage: The coverage of prediction sets, which `viewfinder.evaluate` has fitted.
        threshold: The least confidence, 0 to 1, of a label; below it the label is "unknown".

    Raises:
        UsageError: The threshold is not a probability.
    """

    coverage: float | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise UsageError(
                "The `threshold` is not a probability.",
                expected="0 to 1",
                received=f"{self.threshold:g}",
            )


@dataclass(frozen=True)
class Rule:
    """From the probabilities of a picture to its prediction.

    Attributes:
        classes: The classes' names, in the order of the probabilities.
        threshold: As in `PredictOptions`.
        sets: The prediction sets of the requested coverage.
    """

    classes: tuple[str, ...]
    threshold: float | None
    sets: PredictionSets | None

    def rejected(self, name: str, rejection: RejectedPicture) -> Prediction:
        """Return the prediction of a picture without usable pixels."""
        why = f"{rejection.reason}: {rejection.detail}"
        return Prediction(name, None, 0.0, {}, why, None if self.sets is None else ())

    def prediction(self, name: str, row: NDArray[np.float64]) -> Prediction:
        """Return the prediction that follows from a picture's probabilities, shape (classes,)."""
        order = np.argsort(-row, kind="stable")
        probabilities = {self.classes[index]: float(row[index]) for index in order}
        inside = None
        if self.sets is not None:
            is_inside = self.sets.contains(row[None])[0]
            inside = tuple(self.classes[index] for index in order if is_inside[index])
        label, confidence = next(iter(probabilities.items()))
        if self.threshold is not None and confidence < self.threshold:
            label = UNKNOWN
        return Prediction(name, label, confidence, probabilities, classes=inside)
