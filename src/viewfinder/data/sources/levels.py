"""Convert arrays of numbers to pictures: uint8 levels, height × width × channels."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import DataError, UsageError

Pixels = NDArray[np.uint8]

# The numbers of black and of white.
ValueRange = tuple[float, float]

_SHARES: ValueRange = (0.0, 1.0)
_LEVELS: ValueRange = (0.0, 255.0)
# Rounding error of a resampling, as a share of the range.
_SLACK = 1e-4
# Pictures without any brighter pixel (as a share of white) are darker than photographs are: their
# white is another number. A single split may be darker, because it may be small.
_DARK, _DARK_SPLIT = 0.5, 1 / 16
_CHANNELS = (1, 3, 4)


class _Numbers(NamedTuple):
    """What the numbers of a split are; floats that are all 0 or 1 may be shares or levels."""

    low: float
    high: float
    has_fractions: bool
    range: ValueRange
    is_certain: bool

    @property
    def brightness(self) -> float:
        return self.high / self.range[1]


def as_levels(
    arrays: Mapping[str, NDArray[np.generic]], name: str, value_range: ValueRange | None = None
) -> tuple[dict[str, Pixels], str]:
    """Convert arrays of numbers to uint8 levels.

    Without a range, each split's numbers decide: whole numbers from 0 to 255 are levels, fractions
    from 0 to 1 are shares of 255, booleans are black and white. A range is refused if it is none of
    these, if white is surely another number (0 to 4, to 16, to 100 …), or if a split is darker than
    the others by more than pictures are.

    Args:
        arrays: The pictures of each split, of any dtype and shape.
        name: What holds them, for messages.
        value_range: The numbers of black and of white, in every split.

    Returns:
        The arrays as uint8, and a note on the conversion, or "".

    Raises:
        DataError: The numbers are not finite, outside of the range, or their range is not clear.
    """
    found = {split: _numbers(split, array, name) for split, array in arrays.items() if array.size}
    if value_range is not None:
        found = {split: one._replace(range=value_range) for split, one in found.items()}
    if any(map(_is_outside, found.values())) or (value_range is None and _is_unclear(found)):
        raise _not_levels(name, found, value_range)
    levels = {
        split: _scaled(array, found[split].range if split in found else _LEVELS)
        for split, array in arrays.items()
    }
    return levels, _note(found, value_range)


def checked_range(value_range: Sequence[float] | None) -> ValueRange | None:
    """The range as two floats; None stays None.

    Raises:
        UsageError: It is not two finite numbers, the first below the second.
    """
    if value_range is None:
        return None
    try:
        low, high = map(float, value_range)
    except (TypeError, ValueError):
        low = high = math.nan
    if math.isfinite(high - low) and low < high:
        return low, high
    raise UsageError(
        "`value_range` is not a range.",
        expected="the numbers of black and of white, such as 0,1 or 0,4095",
        received=str(value_range),
    )


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
        remedy="set `image_size` to (height, width) in vf.open; or remove columns that are neither "
        "the label nor pixels; or transpose the table, if each column is a picture",
    )


def _numbers(split: str, array: NDArray[np.generic], name: str) -> _Numbers:
    if array.dtype.kind not in "uifb":
        raise DataError(
            f"The array {split or 'of pictures'} of {name} does not hold numbers.",
            expected="uint8, or floats from 0 to 1",
            received=str(array.dtype),
        )
    low, high = float(np.min(array)), float(np.max(array))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError(f"The pictures of {name} hold numbers that are not finite (NaN or inf).")
    # Picture by picture: a copy of all would take as much memory again.
    has_fractions = array.dtype.kind == "f" and any(np.any(np.rint(one) != one) for one in array)
    are_shares = array.dtype.kind in "fb" and high <= 1 + _SLACK
    is_certain = not are_shares or has_fractions or array.dtype.kind == "b"
    return _Numbers(low, high, has_fractions, _SHARES if are_shares else _LEVELS, is_certain)


def _is_outside(numbers: _Numbers) -> bool:
    low, high = numbers.range
    slack = _SLACK * (high - low)
    return numbers.low < low - slack or numbers.high > high + slack


def _is_unclear(found: Mapping[str, _Numbers]) -> bool:
    brightest = max((one.brightness for one in found.values()), default=1.0)
    return brightest < _DARK or _are_unequal(found)


def _are_unequal(found: Mapping[str, _Numbers]) -> bool:
    """Whether a split is scaled differently, and it is not certain how."""
    are_mixed = len({one.range for one in found.values()}) > 1
    return len(found) > 1 and any(
        one.brightness < _DARK_SPLIT or (are_mixed and not one.is_certain) for one in found.values()
    )


def _scaled(array: NDArray[np.generic], value_range: ValueRange) -> Pixels:
    if array.dtype == np.uint8 and value_range == _LEVELS:
        return np.asarray(array, np.uint8)
    low, high = value_range
    levels = np.empty(array.shape, np.uint8)
    for start in range(0, len(array), 256):
        part = (array[start : start + 256].astype(np.float64) - low) * (255 / (high - low))
        levels[start : start + 256] = np.clip(np.rint(part), 0, 255)
    return levels


def _note(found: Mapping[str, _Numbers], stated: ValueRange | None) -> str:
    ranges = {one.range for one in found.values()}
    if stated is not None:
        return f"Numbers from {stated[0]:g} to {stated[1]:g} were scaled to levels from 0 to 255."
    if len(ranges) > 1:
        each = ", ".join(f"{split} to {one.range[1]:g}" for split, one in found.items())
        return f"The splits are scaled differently ({each}); each was read by its own range."
    if ranges == {_SHARES}:
        return "Numbers from 0 to 1 were read as shares of full brightness."
    has_fractions = any(one.has_fractions for one in found.values())
    return "Fractions were rounded to whole levels." if has_fractions else ""


def _not_levels(name: str, found: Mapping[str, _Numbers], stated: ValueRange | None) -> DataError:
    low, high = min(one.low for one in found.values()), max(one.high for one in found.values())
    each = [f"{split}: {one.low:g} to {one.high:g}" for split, one in found.items()]
    received = "; ".join(each) if len(found) > 1 else f"numbers from {low:g} to {high:g}"
    if stated is not None:
        return DataError(
            f"The numbers of {name} are outside of the given range.",
            expected=f"numbers from {stated[0]:g} to {stated[1]:g}",
            received=received,
            remedy=f"`value_range={low:g},{high:g}`, if these are black and white",
        )
    black = -1 if -1 - _SLACK <= low < 0 else min(low, 0)
    remedy = f"state what is black and white, such as `value_range={black:g},{max(1, high):g}`"
    half = (high - low) / 2
    torn = any(one.low > low + half or one.high < high - half for one in found.values())
    if torn or (low >= 0 and _are_unequal(found)):
        remedy = "scale the splits alike"  # in one range, some would be nearly black
    if low >= 0 and high <= _LEVELS[1]:
        remedy += "; or `value_range=0,255`, if the pictures are as dark as that"
    return DataError(
        f"It is not clear which numbers of {name} are black and white.",
        expected="whole numbers from 0 to 255, or fractions from 0 to 1, the same in every split",
        received=received,
        remedy=remedy,
    )
