"""The record of one picture's prediction."""

from dataclasses import dataclass
from itertools import islice
from typing import Any


@dataclass(frozen=True)
class Prediction:
    """The prediction for one picture.

    Attributes:
        picture: The path, or "#" and the index of a picture given as bytes or pixels.
        label: The most probable class; None for a rejected picture.
        confidence: The probability of this class, 0 to 1; 0 for a rejected picture.
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
