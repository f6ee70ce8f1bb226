"""The detail that a picture really holds, and text on flat ground, from its pixels."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from viewfinder.pictures.codecs.types import Pixels

Signal = NDArray[np.float64]

# Pixels measured at the centre of a picture, by side; fewer than the least tell nothing.
_SIDE, _LEAST_SIDE = 256, 64
# Natural pictures, drawn and rendered ones stay below both: at most 4.1 and 0.06 in 500.
_LEAST_DROP = 5.0
_LEAST_COMB = 0.1
_MOST_KEPT = 0.6
_LOWEST_COMB = 1 / 17

_SAME_LEVEL = 6
_LEAST_CONTRAST = 40
# Of a line of text: its letters, and its length in heights of letters.
_LEAST_LETTERS, _LEAST_LENGTH = 6, 4
_LEAST_HEIGHT = 4


def true_side(gray: Pixels) -> int:
    """Return the shorter side, in pixels, that holds the detail of an enlarged picture; else 0.

    Enlarging adds no detail. Interpolation leaves frequencies above the old limit empty: the power
    spectrum, times the squared frequency (level in natural pictures), drops at least fivefold.
    Repeated pixels leave a comb in the differences of neighbouring columns. Both must hold along
    both axes. A picture blurred to the same degree gives the same answer.

    Args:
        gray: uint8, shape `(height, width)`.

    Returns:
        At most 0.6 of the shorter side, or 0 where no detail is missing.
    """
    height, width = gray.shape
    shorter = int(min(height, width))
    if shorter < _LEAST_SIDE:
        return 0
    top, left = max(0, (height - _SIDE) // 2), max(0, (width - _SIDE) // 2)
    part = gray[top : top + _SIDE, left : left + _SIDE].astype(np.float32)
    kept = 0.0
    for rows in (part, part.T):
        kept = max(kept, _kept(rows))
        if kept > _MOST_KEPT:  # so the other axis is not looked at
            return 0
    return round(kept * shorter)


def _kept(rows: NDArray[np.float32]) -> float:
    """Return the share of the frequencies along the rows that is in use, 0 to 1."""
    comb = _comb(np.abs(np.diff(rows, axis=1)).mean(axis=0, dtype=np.float64))
    return comb or _cutoff(rows[::2])


@cache
def _window(length: int) -> Signal:
    """Return Hann's window, of at most 256 values."""
    return np.hanning(length)


def _comb(steps: Signal) -> float:
    """Return the frequency of regular peaks among the differences of columns, or 0."""
    window = _window(len(steps))
    steps = steps / max(steps.mean(), 1e-9) - 1
    power = np.abs(np.fft.rfft(steps * window)) ** 2 / window.sum() ** 2
    power[: int(np.ceil(_LOWEST_COMB * len(steps)))] = 0
    if power.max() < _LEAST_COMB:
        return 0.0
    # The first of the peaks; the others are its multiples.
    first = int(np.argmax(power > 0.3 * power.max()))
    first += int(np.argmax(power[first : first + 3]))
    return first / len(steps)


def _cutoff(rows: NDArray[np.float32]) -> float:
    """Return the frequency at which the spectrum drops, as a share of the highest; 1 without."""
    length = rows.shape[1]
    centred = (rows - rows.mean(axis=1, keepdims=True)) * _window(length).astype(np.float32)
    power = (np.abs(np.fft.rfft(centred, axis=1)) ** 2).mean(axis=0, dtype=np.float64)
    power += 0.2 * length  # about the power of rounding to whole levels
    count = len(power)
    total = np.concatenate([[0], np.cumsum(np.linspace(0, 1, count) ** 2 * power)])

    def mean(low: Signal, high: Signal) -> Signal:
        start, end = (np.round(edge * count).astype(int) for edge in (low, high))
        end = np.maximum(end, start + 1)
        return np.asarray((total[end] - total[start]) / (end - start))

    at = np.arange(0.06, 0.76, 0.02)
    drop = mean(at / 2, at) / mean(np.minimum(1.2 * at, 0.9), np.minimum(2 * at, 1))
    best = int(drop.argmax())
    return float(at[best]) if drop[best] >= _LEAST_DROP else 1.0


def ground(counts: NDArray[np.int64]) -> tuple[int, float]:
    """Return the commonest level, and the share of the pixels within 6 levels of it.

    Args:
        counts: The pixels of each level, int64, shape `(256,)`.
    """
    level = int(counts.argmax())
    near = counts[max(0, level - _SAME_LEVEL) : level + _SAME_LEVEL + 1]
    return level, float(near.sum() / counts.sum())


def letters(gray: Pixels, level: int) -> int:
    """Return the number of letters in lines of text on ground of this level.

    Letters are connected components of similar height whose centres are on a line; a line has at
    least six.

    Args:
        gray: uint8, shape `(height, width)`.
        level: The level of the ground.
    """
    mask = (cv2.absdiff(gray, np.full_like(gray, level)) > _LEAST_CONTRAST).astype(np.uint8)
    _, _, boxes, centres = cv2.connectedComponentsWithStats(mask)
    boxes, centres = np.asarray(boxes)[1:], np.asarray(centres)[1:]
    widths, heights = boxes[:, cv2.CC_STAT_WIDTH], boxes[:, cv2.CC_STAT_HEIGHT]
    like = (heights >= _LEAST_HEIGHT) & (heights <= gray.shape[0] / 5) & (widths <= 4 * heights)
    boxes, centres, heights = boxes[like], centres[like], heights[like]
    left, found = np.ones(len(boxes), np.bool_), 0
    for row in np.argsort(-heights, kind="stable"):
        if not left[row]:
            continue
        tall = heights[row]
        line = left & (np.abs(centres[:, 1] - centres[row, 1]) < tall / 2) & (2 * heights >= tall)
        if line.sum() >= _LEAST_LETTERS and np.ptp(centres[line, 0]) >= _LEAST_LENGTH * tall:
            found += int(line.sum())
            left &= ~line
    return found
