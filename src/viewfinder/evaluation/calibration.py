"""Calibration: whether probabilities are as often right as they say; one temperature."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.classifier.settings import tempered
from viewfinder.core.shares import Figure, share

Matrix = NDArray[np.float64]
Labels = NDArray[np.integer]

BINS = 10
_LEAST = 1e-12
_DRAWS = 500
# The logarithm of a temperature: its limits, and how exactly it is found.
_FARTHEST, _TOLERANCE = 3.0, 1e-6


@dataclass(frozen=True, eq=False)
class Calibration:
    """The reliability diagram, and its mean gap.

    Attributes:
        bins: A row for each of ten equal ranges of the confidence that has pictures: `low`,
            `high`, `count`, `confidence` (mean), `accuracy`, `accuracy_low`, `accuracy_high`.
        error: The expected calibration error: the mean of |accuracy − confidence| over the
            pictures' bins (M. P. Naeini et al., AAAI 2015).
    """

    bins: pd.DataFrame
    error: Figure


def calibration(labels: Labels, probabilities: Matrix) -> Calibration:
    """Compare the confidence of answers with their accuracy.

    Args:
        labels: True classes as indices, shape `(n,)`.
        probabilities: Rows that sum to 1, shape `(n, k)`.
    """
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    rows = []
    for number in np.unique(place):
        inside = place == number
        found = share(int(right[inside].sum()), int(inside.sum()))
        rows.append(
            {
                "low": number / BINS,
                "high": (number + 1) / BINS,
                "count": int(inside.sum()),
                "confidence": float(confidence[inside].mean()),
                "accuracy": found.value,
                "accuracy_low": found.low,
                "accuracy_high": found.high,
            }
        )
    return Calibration(pd.DataFrame(rows), _error(place, right - confidence))


def _error(place: NDArray[np.integer], gaps: NDArray[np.float64]) -> Figure:
    """Return the expected calibration error, with an interval that may begin at 0.

    Even a calibrated model has an error above 0 in a sample. So the interval has the errors c e,
    for the factors c with which the observed gaps, each times c, plus normal noise of their
    standard errors give an error like the observed one (within the central 95 %).
    """
    count = len(gaps)
    sums = np.bincount(place, gaps, BINS)
    squares = np.bincount(place, gaps**2, BINS)
    value = float(np.abs(sums).sum() / count)
    noise = np.random.default_rng(0).normal(size=(_DRAWS, BINS))
    noise *= np.sqrt(np.maximum(squares - sums**2 / count, 0)) / count
    factors = np.linspace(0, 3, 61)
    errors = [np.abs(factor * sums / count + noise).sum(axis=1) for factor in factors]
    if count < 2:
        return Figure(value, 0.0, 1.0)  # a single gap has no standard error
    limits = np.quantile(errors, [0.025, 0.975], axis=1)
    kept = value * factors[(limits[0] <= value) & (value <= limits[1])]
    return Figure(value, *((float(kept[0]), float(kept[-1])) if len(kept) else (value, value)))


def fit_temperature(labels: Labels, probabilities: Matrix) -> float:
    """Return the temperature that minimises the cross-entropy: above 1 for overconfident models.

    C. Guo et al., "On calibration of modern neural networks", ICML 2017.

    Args:
        labels: True classes as indices, shape `(n,)`, of pictures that trained nothing.
        probabilities: Rows that sum to 1, shape `(n, k)`.
    """
    logits = np.log(np.maximum(probabilities, _LEAST))
    of_truth = logits[np.arange(len(labels)), labels].mean()
    low, high = -_FARTHEST, _FARTHEST
    while high - low > _TOLERANCE:
        middle = (low + high) / 2
        shares = tempered(probabilities, float(np.exp(middle)))
        # The loss is convex in the inverse temperature; this is its derivative there.
        if (shares * logits).sum(axis=1).mean() < of_truth:
            high = middle
        else:
            low = middle
    return float(np.exp((low + high) / 2))
