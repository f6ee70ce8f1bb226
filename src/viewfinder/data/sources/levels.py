"""Convert arrays of numbers to pictures: uint8 levels, height × width × channels."""

import math

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import DataError

Pixels = NDArray[np.uint8]

# Rounding error of a resampling, above 1.
_SLACK = 1e-4
# Fractions above this are levels, not shares of 1.
_SHARES_END = 2.0
_DARK = 16
_CHANNELS = (1, 3, 4)


def as_levels(arrays: dict[str, NDArray[np.generic]], name: str) -> tuple[dict[str, Pixels], str]:
    """Convert arrays of numbers to uint8 levels, all by one rule.

    Integers from 0 to 255 are levels. Fractions from 0 to 1 are shares of 255. Booleans are black
    and white. Ambiguous numbers (fractions a little above 1) and all others are refused.

    Args:
        arrays: The pictures of each split, of any dtype and shape.
        name: What holds them, for messages.

    Returns:
        The arrays as uint8, and a note on the conversion, or "".

    Raises:
        DataError: The numbers are not levels.
    """
    if all(array.dtype == np.uint8 for array in arrays.values()):
        levels = {split: np.asarray(array, np.uint8) for split, array in arrays.items()}
        return levels, _note_if_dark(levels)
    if all(array.dtype == np.bool_ for array in arrays.values()):
        levels = {k: array.astype(np.uint8) * np.uint8(255) for k, array in arrays.items()}
        return levels, "Booleans were read as black and white."
    ranges = [_range(split, array, name) for split, array in arrays.items() if array.size]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    has_fractions = any(_has_fractions(array) for array in arrays.values())
    is_float = any(array.dtype.kind == "f" for array in arrays.values())
    if low < 0 or high > 255 or (has_fractions and 1 + _SLACK < high <= _SHARES_END):
        raise _not_levels(name, low, high)
    if is_float and high <= 1 + _SLACK:
        levels = {split: _rounded(array, 255.0) for split, array in arrays.items()}
        return levels, "Numbers from 0 to 1 were read as shares of full brightness."
    levels = {split: _rounded(array, 1.0) for split, array in arrays.items()}
    note = "Fractions were rounded to whole levels." if has_fractions else _note_if_dark(levels)
    return levels, note


def as_pictures(array: Pixels, name: str, size: tuple[int, int] | None = None) -> Pixels:
    """Reshape levels to `(n, height, width, channels)`, with 1, 3 or 4 channels.

    Args:
        array: Shape `(n, height, width)`, `(n, height, width, channels)`, or `(n, pixels)`.
        name: What holds the array, for messages.
        size: Height and width of flat pictures; by default they are square.

    Raises:
        DataError: The shape is none of these.
    """
    if array.ndim == 2:
        return array.reshape(len(array), *flat_shape(array.shape[1], size, name))
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim == 4 and array.shape[3] in _CHANNELS and 0 not in array.shape[1:]:
        return array
    shape = " × ".join(map(str, array.shape))
    first = array.ndim == 4 and array.shape[1] in _CHANNELS
    raise DataError(
        f"The array of {name} does not have the shape of pictures.",
        expected="pictures × height × width, optionally × channels (1, 3 or 4)",
        received=shape,
        remedy="np.moveaxis(images, 1, -1) puts the channels last" if first else None,
    )


def flat_shape(count: int, size: tuple[int, int] | None, name: str) -> tuple[int, int, int]:
    """Height, width and channels of a picture of `count` numbers in row-major order.

    Without a size the picture is square: gray, or else RGB (no count fits both).

    Raises:
        DataError: The count fits neither, or not the size.
    """
    if size is not None:
        channels, rest = divmod(count, size[0] * size[1]) if min(size) > 0 else (0, 0)
        if rest or channels not in _CHANNELS:
            raise DataError(
                f"The pictures of {name} are not {size[0]} × {size[1]}.",
                expected=f"{size[0] * size[1]} numbers for gray, three times that for RGB",
                received=f"{count} numbers",
            )
        return *size, channels
    for channels in (1, 3):
        side = math.isqrt(count // channels)
        if side and side * side * channels == count:
            return side, side, channels
    raise DataError(
        f"The size of the pictures of {name} is not clear: {count} numbers are not a square.",
        expected="a square number for gray, three times one for RGB",
        received=f"{count} numbers",
        remedy="set `image_size` to (height, width) in vf.open; or check which column is the label",
    )


def _range(split: str, array: NDArray[np.generic], name: str) -> tuple[float, float]:
    if array.dtype.kind not in "uifb":
        raise DataError(
            f"The array {split or 'of pictures'} of {name} does not hold numbers.",
            expected="uint8, or floats from 0 to 1",
            received=str(array.dtype),
        )
    low, high = float(np.min(array)), float(np.max(array))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError(f"The pictures of {name} hold numbers that are not finite (NaN or inf).")
    return low, high


def _has_fractions(array: NDArray[np.generic]) -> bool:
    if array.dtype.kind != "f":
        return False
    # Picture by picture: a copy of all would take as much memory again.
    return any(bool(np.any(np.rint(picture) != picture)) for picture in array)


def _rounded(array: NDArray[np.generic], scale: float) -> Pixels:
    levels = np.empty(array.shape, np.uint8)
    for start in range(0, len(array), 256):
        part = array[start : start + 256].astype(np.float64) * scale
        levels[start : start + 256] = np.clip(np.rint(part), 0, 255)
    return levels


def _note_if_dark(levels: dict[str, Pixels]) -> str:
    brightest = max((int(array.max()) for array in levels.values() if array.size), default=255)
    if brightest > _DARK:
        return ""
    return f"The brightest level is {brightest} of 255: the pictures are nearly black."


def _not_levels(name: str, low: float, high: float) -> DataError:
    return DataError(
        f"The numbers of {name} are not levels of brightness.",
        expected="integers from 0 to 255, or fractions from 0 to 1",
        received=f"numbers from {low:g} to {high:g}",
        remedy="scale −1 … 1 to 0 … 1 by (x + 1) / 2"
        if low >= -1 - _SLACK and high <= 1 + _SLACK
        else None,
    )
