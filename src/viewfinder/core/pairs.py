"""Exact tests of which of two classifiers is right more often on the same pictures."""

import numpy as np
from numpy.typing import ArrayLike

# Two-sided: one of two equal classifiers leads so clearly in fewer than one of three cases.
_BY_CHANCE = 1 / 3


def on_one_only(first: ArrayLike, second: ArrayLike) -> tuple[int, int]:
    """Count the pictures on which only the first model is right, and those of only the second.

    Args:
        first: Whether the first model is right on each picture, bool.
        second: The same of the second model.
    """
    first, second = np.asarray(first, np.bool_), np.asarray(second, np.bool_)
    return int((first & ~second).sum()), int((second & ~first).sum())


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value of McNemar's test.

    Two equally good models are each right on half of the pictures on which only one of them is
    right, so this is the binomial test of a share of 1/2 (Q. McNemar, "Note on the sampling error
    of the difference between correlated proportions or percentages", Psychometrika 12, 1947).

    Args:
        only_first: Pictures on which only the first model is right.
        only_second: Pictures on which only the second model is right.
    """
    from scipy.special import bdtr

    fewer, trials = min(only_first, only_second), only_first + only_second
    return min(1.0, 2 * float(bdtr(fewer, trials, 0.5)))


def beats(only_it: int, only_before: int) -> bool:
    """Whether a classifier is better than the one before it by more than chance explains.

    Of the pictures on which just one of two is right, each would have half if they were equally
    good. That one has so many more would then happen in fewer than one of six cases: about one
    standard error, by McNemar's exact test.

    Args:
        only_it: Pictures on which only this classifier is right.
        only_before: Pictures on which only the one before it is right.
    """
    return only_it > only_before and mcnemar_p(only_before, only_it) < _BY_CHANCE
