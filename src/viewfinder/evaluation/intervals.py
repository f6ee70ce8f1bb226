"""The 95 % intervals of figures that are not shares, and tables of figures."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.core.shares import NORMAL, Figure, share, wilson_interval

Values = NDArray[np.float64]


def table_of(figures: Mapping[str, Figure | None]) -> pd.DataFrame:
    """Return a row for each figure that is not None: `value`, and its interval, `low`, `high`."""
    rows = {name: figure for name, figure in figures.items() if figure is not None}
    index = pd.Index(list(rows), name="figure")
    return pd.DataFrame(list(rows.values()), index, ["value", "low", "high"])


def mean_of_shares(shares: list[Figure]) -> Figure:
    """Return the mean of shares of different pictures, such as balanced accuracy.

    The distances of the limits are combined as independent ones (G. Y. Zou and A. Donner,
    "Construction of confidence limits about effect measures", Statistics in Medicine 27, 2008).
    """
    value, low, high = np.array(shares).T
    mean, count = value.mean(), len(shares)
    return Figure(
        float(mean),
        float(max(0, mean - np.linalg.norm(value - low) / count)),
        float(min(1, mean + np.linalg.norm(high - value) / count)),
    )


def f1(hits: int, misses: int) -> Figure:
    """Return F1 from true positives, and false positives and negatives together.

    F1 is 2 J / (1 + J), where J = TP / (TP + FP + FN) is a share, whose Wilson limits become those
    of F1 by the same formula.
    """
    return Figure(*(2 * limit / (1 + limit) for limit in share(hits, hits + misses)))


def positive_mean(values: Values) -> Figure:
    """Return the mean of values that are not negative, such as losses.

    The interval is Student's on the logarithm of the mean, because losses are skewed to the right.

    Args:
        values: One per picture, shape `(n,)`.
    """
    from scipy.special import stdtrit  # scipy.stats takes four times as long to import

    count, mean = len(values), float(values.mean())
    if count < 2 or mean <= 0:
        return Figure(mean, mean, mean if count > 1 else float("inf"))
    error = float(values.std(ddof=1)) / np.sqrt(count) / mean
    width = float(stdtrit(count - 1, 0.975)) * error
    return Figure(mean, float(mean * np.exp(-width)), float(mean * np.exp(width)))


def smooth(value: float, influence: Values) -> Figure:
    """Return a figure from 0 to 1 with the interval of the delta method, on the logit scale.

    Args:
        value: The figure.
        influence: What each picture adds to it at first order, shape `(n,)`, with mean 0.
    """
    count = len(influence)
    if not 0 < value < 1:
        return Figure(value, *wilson_interval(round(value * count), count))
    error = float(np.sqrt((influence**2).sum() / max(1, count - 1) / count))
    return _on_logits(value, error / (value * (1 - value)))


def average_precision(value: float, positives: int) -> Figure:
    """Return an average precision with the logit interval.

    K. Boyd, K. H. Eng and C. D. Page, "Area under the precision-recall curve: point estimates and
    confidence intervals", ECML PKDD 2013.

    Args:
        value: The average precision, 0 to 1.
        positives: The number of pictures of the class.
    """
    if not 0 < value < 1:
        return Figure(value, *wilson_interval(round(value * positives), positives))
    return _on_logits(value, 1 / np.sqrt(positives * value * (1 - value)))


def _on_logits(value: float, error: float) -> Figure:
    centre, width = np.log(value / (1 - value)), NORMAL * error
    low, high = (1 + np.tanh(np.array([centre - width, centre + width]) / 2)) / 2
    return Figure(value, float(low), float(high))
