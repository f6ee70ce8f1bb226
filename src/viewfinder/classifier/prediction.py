"""What a prediction states, and the rule by which it follows from the probabilities."""

from dataclasses import dataclass, replace
from itertools import islice
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.classifier.outliers import Outliers
from viewfinder.classifier.sets import PredictionSets
from viewfinder.classifier.settings import ClassThreshold, tempered
from viewfinder.core.errors import RejectedPicture, UsageError

# The label of a picture whose confidence is below the threshold.
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Prediction:
    """The prediction for one picture.

    Attributes:
        picture: The path, or "#" and the index of a picture given as bytes or pixels.
        label: The most probable class, or that of the condition which holds; "unknown" where its
            probability is below the requested threshold, or the outlier score above 1; None for a
            rejected picture.
        confidence: The probability of the label, of "unknown" that of the most probable class, 0 to
            1; 0 for a rejected picture.
        probabilities: The probability of each class, the most probable first.
        rejection: The reason for the rejection, or None.
        classes: The prediction set, the most probable class first: empty where no class fits, or
            for a rejected picture or an outlier; None where no coverage was requested.
        outlier_score: The distance to the training pictures, divided by the threshold that
            `evaluate RUN --inside` has fitted; None without one, or for a rejected picture.
    """

    picture: str
    label: str | None
    confidence: float
    probabilities: dict[str, float]
    rejection: str | None = None
    classes: tuple[str, ...] | None = None
    outlier_score: float | None = None

    @property
    def is_outlier(self) -> bool:
        """Whether the picture is unlike those of training."""
        return self.outlier_score is not None and self.outlier_score > 1

    def to_json(self, top: int | None = None) -> dict[str, Any]:
        """Return the record as `--json` prints it, with the `top` most probable classes."""
        return {
            "picture": self.picture,
            "label": self.label,
            "confidence": self.confidence,
            "probabilities": dict(islice(self.probabilities.items(), top)),
            "rejection": self.rejection,
            "set": None if self.classes is None else list(self.classes),
            "outlier_score": self.outlier_score,
        }


@dataclass(frozen=True)
class PredictOptions:
    """What is requested of predictions besides the probabilities.

    Attributes:
        coverage: The coverage of prediction sets, which `viewfinder.evaluate` has fitted.
        threshold: The least confidence, 0 to 1, of a label; below it the label is "unknown". Or a
            condition, such as "precision >= 0.99 for cats", which `viewfinder.evaluate` has fitted:
            the label is cats from its threshold on, and never below.
        error: The largest share of wrong labels: the label is "unknown" below the threshold that
            `viewfinder.evaluate` with `coverage=1 - error` has fitted.
        calibrated: Whether probabilities are those at the temperature that validation pictures
            chose. Labels do not change, but for those of a `threshold` that is a number; prediction
            sets, conditions and `error` have been fitted without it, and follow the network's own.

    Raises:
        UsageError: The threshold is not a probability, or coverage or error not between 0 and 1.
    """

    coverage: float | None = None
    threshold: float | str | None = None
    error: float | None = None
    calibrated: bool = False

    def __post_init__(self) -> None:
        shares = {"coverage": (self.coverage, 0.95), "error": (self.error, 0.05)}
        for name, (share, usual) in shares.items():
            if share is not None and not 0 < share < 1:
                raise UsageError(
                    f"The `{name}` is not a share.",
                    expected=f"between 0 and 1, such as {usual:g}",
                    received=f"{share:g}",
                )
        if isinstance(self.threshold, Real) and not 0 <= self.threshold <= 1:
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
        threshold: The least confidence of a label, as it is printed.
        sets: The prediction sets of the requested coverage.
        outliers: The outlier threshold of the run.
        answered: The least confidence of a label, of the network's own probabilities.
        condition: The threshold of a class.
        temperature: At which probabilities are printed; None for the network's own.
    """

    classes: tuple[str, ...]
    threshold: float | None
    sets: PredictionSets | None
    outliers: Outliers | None = None
    answered: float | None = None
    condition: ClassThreshold | None = None
    temperature: float | None = None

    def rejected(self, name: str, rejection: RejectedPicture) -> Prediction:
        """Return the prediction of a picture without usable pixels."""
        why = f"{rejection.reason}: {rejection.detail}"
        return Prediction(name, None, 0.0, {}, why, None if self.sets is None else ())

    def prediction(
        self, name: str, row: NDArray[np.float64], score: float | None = None
    ) -> Prediction:
        """Return the prediction for a picture.

        Args:
            name: The picture's.
            row: The network's probabilities, shape (classes,).
            score: The outlier score; None without a threshold.
        """
        order = np.argsort(-row, kind="stable")
        shares = row if self.temperature is None else tempered(row[None], self.temperature)[0]
        probabilities = {self.classes[index]: float(shares[index]) for index in order}
        inside = None
        if self.sets is not None:
            is_inside = self.sets.contains(row[None])[0]
            inside = tuple(self.classes[index] for index in order if is_inside[index])
        chosen = self._chosen(row, int(order[0]))
        confidence = float(shares[order[0] if chosen is None else chosen])
        label = UNKNOWN if chosen is None else self.classes[chosen]
        found = Prediction(name, label, confidence, probabilities, None, inside, score)
        if found.is_outlier:
            return replace(found, label=UNKNOWN, classes=None if inside is None else ())
        if self.threshold is not None and confidence < self.threshold:
            return replace(found, label=UNKNOWN)
        return found

    def _chosen(self, row: NDArray[np.float64], best: int) -> int | None:
        """Return the index of the label by the network's own probabilities; None for none."""
        if self.condition is not None:
            at, least = self.classes.index(self.condition.name), self.condition.threshold
            if least is not None and row[at] >= least:
                best = at
            elif best == at:
                return None
        return best if self.answered is None or row[best] >= self.answered else None
