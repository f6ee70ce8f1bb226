"""Confidence intervals and tests for differences between classifiers."""

import math

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.randomness import Randomness
from viewfinder.core.shares import NORMAL, wilson_interval

_RESAMPLES = 2000
# Random numbers held in memory at once; a resample draws one per picture.
_DRAWS_AT_ONCE = 4_000_000


def difference_interval(
    first: tuple[int, int], second: tuple[int, int], confidence: float = 0.95
) -> tuple[float, float]:
    """Return the interval of the difference of two shares from different pictures.

    R. G. Newcombe, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17 (1998), 873-890, method 10, which combines both Wilson intervals.

    Args:
        first: Right answers and pictures.
        second: Right answers and pictures of the share that is subtracted.
        confidence: The coverage, between 0 and 1.
    """
    minuend, subtrahend = first[0] / first[1], second[0] / second[1]
    low, high = wilson_interval(*first, confidence)
    lower, upper = wilson_interval(*second, confidence)
    difference = minuend - subtrahend
    return (
        difference - math.hypot(minuend - low, upper - subtrahend),
        difference + math.hypot(high - minuend, subtrahend - lower),
    )


def paired_interval(lost: int, won: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a difference of accuracy on the same pictures.

    Wald's, after a half is added to each of the four counts of right and wrong: A. Agresti and
    Y. Min, "Simple improved confidence intervals for comparing matched proportions", Statistics in
    Medicine 24 (2005), 729-740. Without any picture lost or won it still has a width.

    Args:
        lost: Pictures that only the first classifier classifies rightly.
        won: Pictures that only the second does.
        count: All pictures.
    """
    total, apart = count + 2, won - lost
    width = NORMAL * math.sqrt(lost + won + 1 - apart**2 / total) / total
    return apart / total - width, apart / total + width


def mean_interval(
    values: NDArray[np.float64], confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a mean (Efron 1979), from 2,000 resamples.

    To compare two models on the same pictures, give their difference on each picture. The
    resamples depend on `seed` alone.

    Args:
        values: One value per picture, shape (n,), n at least 1.
        confidence: The share of the resampled means inside the interval.
        seed: Decides the resamples.
    """
    count = len(values)
    randomness = Randomness(seed)
    numbers = np.arange(_RESAMPLES, dtype=np.uint64)
    means = [
        values[
            (randomness.uniform("bootstrap", epoch=-1, examples=chunk, draws=count) * count).astype(
                np.intp
            )
        ].mean(axis=1)
        for chunk in np.array_split(numbers, max(1, _RESAMPLES * count // _DRAWS_AT_ONCE))
    ]
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    return float(low), float(high)
