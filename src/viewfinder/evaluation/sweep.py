"""Precision, recall and false positives of a class over all thresholds.

Equal to scikit-learn's, whose import takes longer than a whole evaluation.
"""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def roc_curve(is_class: NDArray[np.bool_], values: Values) -> tuple[Values, Values, Values]:
    """Return false positives and recall, as shares, and the thresholds, falling from infinity.

    Thresholds within a straight piece of the curve are left out.

    Args:
        is_class: Which pictures are of the class, shape `(n,)`; some are, and some are not.
        values: The probability of the class, shape `(n,)`.
    """
    thresholds, hits, false = _counts(is_class, values)
    is_bend = (np.diff(hits, 2) != 0) | (np.diff(false, 2) != 0)
    kept = np.concatenate([[True], is_bend, [True]]) if len(hits) > 1 else slice(None)
    shares = [np.concatenate([[0.0], counts[kept] / counts[-1]]) for counts in (false, hits)]
    return shares[0], shares[1], np.concatenate([[np.inf], thresholds[kept]])


def precision_recall_curve(
    is_class: NDArray[np.bool_], values: Values
) -> tuple[Values, Values, Values]:
    """Return precision, recall and the rising thresholds; the curve ends at 1, 0 without one.

    Args:
        is_class: Which pictures are of the class, shape `(n,)`; some are.
        values: The probability of the class, shape `(n,)`.
    """
    thresholds, hits, false = _counts(is_class, values)
    precision = np.append((hits / (hits + false))[::-1], 1.0)
    return precision, np.append((hits / hits[-1])[::-1], 0.0), thresholds[::-1]


def mean_precision(is_class: NDArray[np.bool_], values: Values) -> float:
    """Return the average precision: the mean of the precisions, each weighted by its recall."""
    precision, recall, _ = precision_recall_curve(is_class, values)
    return float(-np.diff(recall) @ precision[:-1])


def _counts(
    is_class: NDArray[np.bool_], values: Values
) -> tuple[Values, NDArray[np.intp], NDArray[np.intp]]:
    """Return the distinct values, falling, and how many of the class and of others reach each."""
    order = np.argsort(values, kind="stable")[::-1]
    falling = values[order]
    ends = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)
    hits = np.cumsum(is_class[order])[ends]
    return falling[ends], hits, ends + 1 - hits
