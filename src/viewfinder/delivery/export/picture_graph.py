"""The preprocessing of decoded pictures of any size, as a part of an exported network.

It is written once, over the functions that NumPy, `keras.ops` and the class `Nodes` of `onnx_graph`
share. A matrix resizes each side: by the average over the area of each new pixel or by linear
interpolation, as :mod:`viewfinder.pictures.resize` chooses. Only the rounding differs: OpenCV
rounds after each of its steps, this once.
"""

from typing import Any

import numpy as np

from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.pictures.resize import levels

# Pillow's weights of R, G and B in gray (ITU-R 601) and its rounding, in parts of 65,536. Sums of
# their products with levels stay below 2²⁴, so that float32 holds them exactly.
_LUMA, _HALF, _WHOLE = (19595, 38470, 7471), 0x8000, 0x10000


def prepared(xp: Any, picture: Any, height: Any, width: Any, facts: Preprocessing) -> Any:
    """Return a decoded picture as a model's input.

    Args:
        xp: NumPy, or what has its functions.
        picture: float32, shape (height, width, 3), R, G and B from 0 to 255.
        height: float32, its height.
        width: float32, its width.
        facts: The preprocessing, without `isolate` and `zoom`.

    Returns:
        float32 whole numbers from 0 to 255, shape `facts.shape`.
    """
    if facts.color == "gray":
        weighted = xp.matmul(picture, np.array(_LUMA, np.float32)[:, None])
        picture = xp.floor((weighted + np.float32(_HALF)) / np.float32(_WHOLE))
    target, sides = (facts.height, facts.width), (height, width)
    # First index and length of what is filled, and of what it is filled with, for each side.
    filled: list[tuple[Any, Any]] = [(np.float32(0), np.float32(side)) for side in target]
    taken: list[tuple[Any, Any]] = [(np.float32(0), side) for side in sides]
    ratios = [np.float32(new) / old for new, old in zip(target, sides, strict=True)]
    if facts.resize == "crop":
        scale = xp.maximum(*ratios)
        lengths = [
            xp.minimum(old, xp.maximum(np.float32(1), xp.round(np.float32(new) / scale)))
            for new, old in zip(target, sides, strict=True)
        ]
        taken = [(_margin(xp, old, new), new) for new, old in zip(lengths, sides, strict=True)]
    elif facts.resize == "pad":
        scale = xp.minimum(*ratios)
        lengths = [
            xp.minimum(np.float32(new), xp.maximum(np.float32(1), xp.round(old * scale)))
            for new, old in zip(target, sides, strict=True)
        ]
        filled = [
            (_margin(xp, np.float32(whole), part), part)
            for whole, part in zip(target, lengths, strict=True)
        ]
    down, across = (
        _weights(xp, new, old, *between)
        for new, old, *between in zip(target, sides, filled, taken, strict=True)
    )
    planes = xp.matmul(down, xp.transpose(picture, (2, 0, 1)))
    planes = xp.matmul(planes, xp.transpose(across, (1, 0)))
    pixels = xp.round(xp.transpose(planes, (1, 2, 0)))
    if facts.resize == "pad":
        rows, columns = (
            _inside(xp, side, *part) for side, part in zip(target, filled, strict=True)
        )
        is_filled = xp.reshape(rows * xp.transpose(columns, (1, 0)), (*target, 1))
        background = np.array(levels(facts.background, facts.shape[2]), np.float32)
        pixels = pixels + (np.float32(1) - is_filled) * background
    return pixels


def _margin(xp: Any, whole: Any, part: Any) -> Any:
    return xp.floor((whole - part) * np.float32(0.5))


def _positions(size: int) -> Any:
    return np.arange(size, dtype=np.float32)[:, None]


def _inside(xp: Any, size: int, first: Any, length: Any) -> Any:
    """Return 1 for each index of a side that is filled, else 0; shape (size, 1)."""
    rows = _positions(size) - first
    margin = xp.minimum(rows, (length - np.float32(1)) - rows)
    return xp.minimum(xp.maximum(margin + np.float32(1), np.float32(0)), np.float32(1))


def _weights(
    xp: Any, size: int, total: Any, filled: tuple[Any, Any], taken: tuple[Any, Any]
) -> Any:
    """Return the matrix, shape (size, total), that resizes a part of one side into another."""
    zero, one = np.float32(0), np.float32(1)
    rows = _positions(size) - filled[0]
    columns = xp.reshape(xp.arange(total, dtype="float32"), (1, -1)) - taken[0]
    length = taken[1]
    ratio = length / filled[1]

    def linear(share: float) -> Any:
        at = (rows + np.float32(share)) * ratio - np.float32(0.5)
        at = xp.minimum(xp.maximum(at, zero), length - one)
        return xp.maximum(one - xp.abs(at - columns), zero)

    ends = xp.minimum((rows + one) * ratio, columns + one)
    area = xp.maximum(ends - xp.maximum(rows * ratio, columns), zero) / ratio
    two = (linear(0.25) + linear(0.75)) * np.float32(0.5)
    chosen = xp.where(ratio <= one, linear(0.5), xp.where(ratio <= np.float32(2), two, area))
    return chosen * _inside(xp, size, *filled)
