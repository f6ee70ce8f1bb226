"""What chance alone does to figures, and to the difference of two of them."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.randomness import Randomness
from viewfinder.evaluation.evaluate import wilson_interval

_RESAMPLES = 2000
# A resample draws a number a picture; so many of them are held at once.
_AT_ONCE = 4_000_000


def difference_interval(
    first: tuple[int, int], second: tuple[int, int], confidence: float = 0.95
) -> tuple[float, float]:
    """The interval of the difference of two shares that come from different pictures.

    R. G. Newcombe, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17 (1998), 873-890, method 10: both Wilson intervals, squared and added.

    Args:
        first: How many were right, of how many.
        second: The same of what is subtracted.
        confidence: How often such an interval holds the true difference.
    """
    here, there = first[0] / first[1], second[0] / second[1]
    low, high = wilson_interval(*first, confidence)
    lower, upper = wilson_interval(*second, confidence)
    difference = here - there
    return (
        difference - math.hypot(here - low, upper - there),
        difference + math.hypot(high - here, there - lower),
    )


def mcnemar_p(only_first: int, only_second: int) -> float:
    """The exact p-value of McNemar's test, two-sided.

    Pictures that both answer rightly, or both wrongly, say nothing of a difference. Of the others,
    either is right on half, were they equally good: the binomial test with a share of 1/2 (Q.
    McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", Psychometrika 12, 1947).

    Args:
        only_first: Pictures on which only the first is right.
        only_second: Pictures on which only the second is right.
    """
    trials = only_first + only_second
    log_ways = [
        math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
        for k in range(min(only_first, only_second) + 1)
    ]
    tail = math.fsum(math.exp(ways - trials * math.log(2)) for ways in log_ways)
    return min(1.0, 2 * tail)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number, in the order given.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6 (1979), 65-70.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected = [1.0] * len(p_values)
    reached = 0.0
    for rank, place in enumerate(order):
        reached = max(reached, min(1.0, (len(order) - rank) * p_values[place]))
        corrected[place] = reached
    return corrected


def mean_interval(
    values: NDArray[np.float64], confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """The percentile bootstrap interval of a mean (Efron 1979), from 2,000 resamples.

    For two models on the same pictures, give their difference on each: pictures are drawn, and
    so both models' answers to them together. The resamples follow from `seed` alone.

    Args:
        values: One value a picture, shape (n,), n at least 1.
        confidence: How much of the resampled means lies inside.
        seed: Another one gives other resamples.
    """
    count = len(values)
    randomness = Randomness(seed)
    numbers = np.arange(_RESAMPLES, dtype=np.uint64)
    means = [
        values[
            (randomness.uniform("bootstrap", epoch=-1, examples=some, draws=count) * count).astype(
                np.intp
            )
        ].mean(axis=1)
        for some in np.array_split(numbers, max(1, _RESAMPLES * count // _AT_ONCE))
    ]
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    return float(low), float(high)
