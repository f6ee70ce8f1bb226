"""Trends and turning points of training curves, as pure functions of NumPy arrays.

A curve has one value per epoch; epochs count from 0. Levels are those of the running median, so
that a single outlier changes nothing, and differences are compared with the curve's own scatter.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]

# How far above its minimum a validation loss must end: in its own scatter, and as a share of it.
_RISE_IN_SCATTER = 5.0
_RISE_IN_LOW = 0.05
# The median absolute deviation of normal noise, and the second differences of white noise.
_MAD_TO_SIGMA = 1.4826
_SECOND_DIFFERENCE = math.sqrt(6)
_FEWEST_EPOCHS = 5
_BLOWN_UP = 3.0


@dataclass(frozen=True, slots=True)
class Rise:
    """A lasting rise of the validation loss while the training loss still falls.

    Attributes:
        onset: The first epoch after which the loss stays above its minimum.
        low: The minimum of the running median.
        end: The last value of the running median.
        scatter: The noise from epoch to epoch, as a standard deviation.
    """

    onset: int
    low: float
    end: float
    scatter: float


def levels(curve: ArrayLike) -> Values:
    """Return the running median of three epochs, shape (n,); both ends use their last three."""
    values = np.asarray(curve, np.float64)
    if len(values) < 3:
        return values.copy()
    inner = np.median(np.lib.stride_tricks.sliding_window_view(values, 3), axis=1)
    return np.concatenate([inner[:1], inner, inner[-1:]])


def scatter(curve: ArrayLike) -> float:
    """Return a curve's noise from epoch to epoch, as a standard deviation.

    Second differences are independent of level and slope, and their median of single outliers:
    σ = 1.4826 · median |v₁ − 2 v₂ + v₃| / √6. The estimate is enlarged by 4 / (n − 2), because few
    epochs make it uncertain. It is 0 for fewer than three epochs.
    """
    values = np.asarray(curve, np.float64)
    if len(values) < 3:
        return 0.0
    bends = np.abs(np.diff(values, 2))
    sigma = _MAD_TO_SIGMA * float(np.median(bends)) / _SECOND_DIFFERENCE
    return sigma * (1 + 4 / len(bends))


def rising_for_good(training: ArrayLike, validation: ArrayLike) -> Rise | None:
    """Return where the validation loss starts a lasting rise while the training loss falls.

    The last level must exceed the lowest one by 5 % of it and by five times the scatter, for at
    least three epochs, and the training loss must end lower than it was at that minimum.

    Args:
        training: The training loss, shape (n,).
        validation: The validation loss, shape (n,).

    Returns:
        None where there is no such rise, fewer than five epochs, or a value that is not finite.
    """
    losses = np.asarray(validation, np.float64)
    fitted = np.asarray(training, np.float64)
    if len(losses) < _FEWEST_EPOCHS or not (np.isfinite(losses) & np.isfinite(fitted)).all():
        return None
    smooth, smooth_training = levels(losses), levels(fitted)
    bottom = int(smooth.argmin())
    low, end, noise = float(smooth[bottom]), float(smooth[-1]), scatter(losses)
    is_risen = end - low > max(_RISE_IN_LOW * low, _RISE_IN_SCATTER * noise)
    if not is_risen or not smooth_training[-1] < smooth_training[bottom]:
        return None
    # Epochs within the noise of the minimum still belong to it.
    reach = low + max(_RISE_IN_LOW * low / 5, 2 * noise)
    onset = int(np.flatnonzero(smooth <= reach)[-1]) + 1
    # The median delays a turn by one epoch; the lowest single epoch cannot be part of the rise.
    lowest = int(losses.argmin())
    onset = max(onset, lowest + 1)
    return Rise(onset, low, end, noise) if len(losses) - onset >= 3 else None


def is_blown_up(losses: ArrayLike) -> bool:
    """Whether a training loss ends not finite, or far above its earlier values.

    Far above means that the median of the last three epochs exceeds three times the lowest median
    and twice the first epoch's loss.
    """
    values = np.asarray(losses, np.float64)
    if not len(values):
        return False
    if not np.isfinite(values[-1]):
        return True
    smooth = levels(values[np.isfinite(values)])
    end, low = float(smooth[-1]), float(smooth.min())
    return len(smooth) > 3 and end > max(_BLOWN_UP * low, 2 * float(values[0]))


def trend(curve: ArrayLike) -> tuple[float, float]:
    """Return the slope of a curve and the p-value of the hypothesis that it has no trend.

    Returns:
        The Theil-Sen slope per epoch (the median slope of all pairs), and the two-sided p-value of
        Kendall's rank correlation with time (H. B. Mann, "Nonparametric tests against trend",
        Econometrica 13, 1945), exact where no two values are equal. Constant curves and those of
        fewer than two epochs give (0, 1).
    """
    values = np.asarray(curve, np.float64)
    distinct = len(np.unique(values))
    if distinct < 2:
        return 0.0, 1.0
    from scipy import stats

    epochs = np.arange(len(values))
    method = "exact" if distinct == len(values) else "asymptotic"
    p_value = stats.kendalltau(epochs, values, method=method).pvalue
    return float(stats.theilslopes(values, epochs).slope), float(p_value)


def falls_steadily(curve: ArrayLike, share: float = 0.9) -> bool:
    """Whether at least this share of the steps between epochs go down."""
    steps = np.diff(np.asarray(curve, np.float64))
    return bool(len(steps) and (steps < 0).mean() >= share)


def up_and_down(curve: ArrayLike) -> tuple[float, int]:
    """Return how much of its falls a curve climbs back, and in how many epochs.

    Returns:
        The sum of climbs over the sum of falls (0 for a curve that never climbs, about 1 without
        net change, 2 at most), and the number of climbs.
    """
    steps = np.diff(np.asarray(curve, np.float64))
    climbs, falls = steps[steps > 0].sum(), -steps[steps < 0].sum()
    return float(min(climbs / falls, 2.0)) if falls > 0 else 0.0, int((steps > 0).sum())
