"""Prediction sets: the classes that a picture may have, from levels fitted beforehand."""

import math
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from viewfinder.core.errors import RunError
from viewfinder.core.records import RunRecord

SETS = "prediction_sets.json"

Method = Literal["lac", "aps"]
# The pictures that fit levels and thresholds; out-of-fold ones are in training, but not of the head
# that answers.
Calibrated = Literal["validation", "out-of-fold"]
Share = Annotated[float, Field(ge=0, le=1)]


class Reject(RunRecord):
    """A threshold of the confidence, and the error among the pictures answered above it.

    Attributes:
        above: A picture is answered if the probability of its best class is above this.
        error_bound: Upper limit of the error among answered pictures, with 95 % confidence.
        answered: The share of the pictures answered, of those that chose the threshold.
    """

    above: Share
    error_bound: Share
    answered: Share


class PredictionSets(RunRecord):
    """The content of `prediction_sets.json`: which classes are in the set of a picture.

    Attributes:
        coverage: The share of pictures whose set has their class, as requested.
        method: See :func:`needed_levels`.
        by_class: Whether the coverage holds for each class.
        levels: The level of each class; None where every set has the class.
        pictures: How many pictures fitted the levels.
        of: Whether these are validation pictures, or have out-of-fold answers.
        weaker: What the same pictures chose before, which weakens the guarantee.
        reject: The threshold at which at most `1 - coverage` of the answers are wrong; None
            where there is none.
        model: The fingerprint of the model; None where it was not there.
    """

    coverage: Annotated[float, Field(gt=0, lt=1)]
    method: Method
    by_class: bool
    levels: Annotated[list[Annotated[float, Field(ge=0, le=2)] | None], Field(min_length=1)]
    pictures: Annotated[int, Field(ge=1)]
    of: Calibrated = "validation"
    weaker: list[str]
    reject: Reject | None
    model: str | None

    @model_validator(mode="after")
    def _is_of_one_level(self) -> "PredictionSets":
        if not self.by_class and len(set(self.levels)) > 1:
            raise ValueError("several levels, without by_class")
        return self

    def contains(self, probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which classes are in the set of each picture.

        Args:
            probabilities: Rows that sum to 1, shape `(n, k)`.

        Returns:
            Shape `(n, k)`. With LAC a row may be empty: no class fits the picture.
        """
        levels = [np.inf if level is None else level for level in self.levels]
        return np.asarray(needed_levels(self.method, probabilities) <= levels)


def fault_of(
    sets: PredictionSets | None, coverage: float, classes: int, model: str | None
) -> str | None:
    """Return why these sets cannot be used, in a few words; None where they can.

    Args:
        sets: Those of the run; None where it has none.
        coverage: The requested coverage.
        classes: The number of the run's classes.
        model: The fingerprint of the run's model; None where it is not there.
    """
    if sets is None:
        return f"no {SETS}"
    if len(sets.levels) != classes:
        return f"{len(sets.levels)} levels for {classes} classes"
    if not math.isclose(sets.coverage, coverage):
        return f"sets for {sets.coverage:g}"
    return "sets of another model" if model is not None and sets.model != model else None


def least_confidence(sets: PredictionSets) -> float:
    """Return the least confidence of a label under the reject threshold.

    Raises:
        RunError: No threshold bounds the error among answered pictures.
    """
    if sets.reject is None:
        raise RunError(
            f"No threshold bounds the error by {1 - sets.coverage:.3g} with 95 % confidence.",
            expected="a threshold that was found when the prediction sets were fitted",
            remedy="a larger `error`, or a run with more validation pictures",
        )
    return float(np.nextafter(sets.reject.above, 2))  # above it, not at it


def needed_levels(method: Method, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the least level at which each class is in the set of each picture.

    "lac": 1 minus the probability of the class (M. Sadinle, J. Lei and L. Wasserman, "Least
    ambiguous set-valued classifiers with bounded error levels", JASA 114, 2019).

    "aps": just above the sum of the probabilities before that of the class, in descending order,
    so that a set is the fewest of the most probable classes whose sum reaches the level
    (Y. Romano, M. Sesia and E. Candès, "Classification with valid and adaptive coverage", NeurIPS
    2020, with the class that crosses the level). A set is never empty.

    Args:
        method: "lac" or "aps".
        probabilities: Rows that sum to 1, shape `(n, k)`.

    Returns:
        Shape `(n, k)`, 0 or more.
    """
    if method == "lac":
        return np.maximum(1 - probabilities, 0)
    order = np.argsort(-probabilities, axis=1, kind="stable")
    sums = np.cumsum(np.take_along_axis(probabilities, order, axis=1), axis=1)
    before = np.zeros_like(sums)
    before[:, 1:] = np.nextafter(sums[:, :-1], 2)
    levels = np.empty_like(sums)
    np.put_along_axis(levels, order, before, axis=1)
    return levels
