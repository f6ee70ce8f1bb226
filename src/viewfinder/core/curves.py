"""What the curves of a training show, told apart from their noise. Pure functions of NumPy arrays.

A curve has a value an epoch; positions count from 0. Whatever is said of a curve is said of its
running median, so that one odd epoch changes nothing, and is held against its own scatter.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]

# How far above its low a validation loss must end: in its own scatter, and as a share of the low.
_RISE_IN_SCATTER = 5.0
_RISE_IN_LOW = 0.05
# The median absolute deviation of normal noise, and the second differences of white noise.
_MAD_TO_SIGMA = 1.4826
_SECOND_DIFFERENCE = math.sqrt(6)
_FEWEST_EPOCHS = 5
_BLOWN_UP = 3.0


@dataclass(frozen=True, slots=True)
class Rise:
    """A validation loss that rises for good while the training loss goes on falling.

    Attributes:
        onset: The first epoch from which it stays above its low; a position.
        low: Its lowest level, of the running median.
        end: Its level at the end.
        scatter: How far it strays from epoch to epoch, as a standard deviation.
    """

    onset: int
    low: float
    end: float
    scatter: float


def levels(curve: ArrayLike) -> Values:
    """The running median of three epochs; at both ends, of the last three. Shape (n,)."""
    values = np.asarray(curve, np.float64)
    if len(values) < 3:
        return values.copy()
    inner = np.median(np.lib.stride_tricks.sliding_window_view(values, 3), axis=1)
    return np.concatenate([inner[:1], inner, inner[-1:]])


def scatter(curve: ArrayLike) -> float:
    """How far a curve strays from epoch to epoch, as a standard deviation.

    Second differences know nothing of a level or a slope, and their median nothing of a blip:
    σ = 1.4826 · median |v₁ − 2 v₂ + v₃| / √6. Few epochs give an uncertain estimate, which is
    enlarged for it. 0 for fewer than three epochs.
    """
    values = np.asarray(curve, np.float64)
    if len(values) < 3:
        return 0.0
    bends = np.abs(np.diff(values, 2))
    sigma = _MAD_TO_SIGMA * float(np.median(bends)) / _SECOND_DIFFERENCE
    return sigma * (1 + 4 / len(bends))


def rising_for_good(training: ArrayLike, validation: ArrayLike) -> Rise | None:
    """Where the validation loss starts to rise for good while the training loss falls, or None.

    The last level must lie above the lowest one by 5 % of it and by five times the scatter, for
    at least three epochs, and the training loss must be lower at the end than there.

    Args:
        training: The training loss, shape (n,).
        validation: The validation loss, shape (n,).
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
    # The low's own epochs are those within what noise does to it.
    reach = low + max(_RISE_IN_LOW * low / 5, 2 * noise)
    onset = int(np.flatnonzero(smooth <= reach)[-1]) + 1
    # The median hides a turn by an epoch; the lowest single epoch cannot be part of the rise.
    lowest = int(losses.argmin())
    onset = max(onset, lowest + 1)
    return Rise(onset, low, end, noise) if len(losses) - onset >= 3 else None


def is_blown_up(losses: ArrayLike) -> bool:
    """Whether a training loss is no number any more, or far above all that it has been.

    Far above: the median of the last three epochs is three times its lowest one, and twice the
    first epoch's.
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
    """The slope of a curve and how likely chance alone gives so steady a one.

    Returns:
        The Theil-Sen slope (the median slope of all pairs), an epoch; and the two-sided p-value of
        Kendall's rank correlation with time (H. B. Mann, "Nonparametric tests against trend",
        Econometrica 13, 1945), exact where no two values are equal.
    """
    values = np.asarray(curve, np.float64)
    count = len(values)
    if count < 2:
        return 0.0, 1.0
    first, second = np.triu_indices(count, 1)
    steps = values[second] - values[first]
    score = int(np.sign(steps).sum())
    return float(np.median(steps / (second - first))), _kendall_p(abs(score), count)


def falls_steadily(curve: ArrayLike, share: float = 0.9) -> bool:
    """Whether at least this share of the steps from epoch to epoch go down."""
    steps = np.diff(np.asarray(curve, np.float64))
    return bool(len(steps) and (steps < 0).mean() >= share)


def up_and_down(curve: ArrayLike) -> tuple[float, int]:
    """How much of a curve's way down it climbs again, and in how many epochs.

    Returns:
        The sum of its climbs over the sum of its falls (0 for a curve that never climbs, about 1
        for one that gets nowhere, 2 at the most), and the count of climbs.
    """
    steps = np.diff(np.asarray(curve, np.float64))
    climbs, falls = steps[steps > 0].sum(), -steps[steps < 0].sum()
    return float(min(climbs / falls, 2.0)) if falls > 0 else 0.0, int((steps > 0).sum())


def _kendall_p(score: int, count: int) -> float:
    """P(|S| ≥ score) for `count` values in random order.

    S is the count of pairs in order less that of pairs out of order, and the number of orders
    with so many inversions follows from adding one value after the other.
    """
    if count > 60:
        spread = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
        return math.erfc(max(score - 1, 0) / spread / math.sqrt(2))
    shares = np.ones(1)
    for size in range(2, count + 1):
        shares = np.convolve(shares, np.full(size, 1 / size))
    pairs = count * (count - 1) // 2
    scores = pairs - 2 * np.arange(pairs + 1)
    return float(min(1.0, shares[np.abs(scores) >= score].sum()))
