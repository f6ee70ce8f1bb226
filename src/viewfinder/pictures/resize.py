"""Resizing of pixels to a model's input by one of three policies.

Each side is treated by itself: one that shrinks is averaged over the area of each new pixel, which
avoids aliasing, and one that grows is interpolated linearly.

Where a side shrinks to no less than half, the average is that of two samples, each interpolated
linearly, at a quarter and three quarters of the new pixel. OpenCV's exact average over parts of
pixels takes longer than decoding a photo; this takes a third of it. In photos the two differ by
half a level.
"""

from typing import cast

import cv2
import numpy as np

from viewfinder.pictures.codecs.types import Pixels, Size
from viewfinder.pictures.preprocessing import Preprocessing

# Otherwise OpenCV starts threads of its own in each of the threads that prepare pictures.
cv2.setNumThreads(1)


def resize(pixels: Pixels, preprocessing: Preprocessing) -> Pixels:
    """Resize pixels to the size of `preprocessing` by its policy.

    Args:
        pixels: uint8, shape `(height, width, channels)`, channels 3 or 1.
        preprocessing: Gives `height`, `width`, `resize` and, for "pad", `background`.

    Returns:
        uint8, shape `(preprocessing.height, preprocessing.width, channels)`; the input itself if
        it already has that size.
    """
    size = preprocessing.height, preprocessing.width
    match preprocessing.resize:
        case "stretch":
            return _stretch(pixels, size)
        case "crop":
            return _stretch(_centre_of_shape(pixels, size), size)
        case "pad":
            return _pad(pixels, size, preprocessing.background)


def crop(pixels: Pixels, kept: float, top: float = 0.5, left: float = 0.5) -> Pixels:
    """Return a crop of a picture.

    Args:
        pixels: Shape (height, width, channels).
        kept: The kept share of both sides, above 0 to 1.
        top: Where the crop is between the top, 0, and the bottom, 1.
        left: The same between left and right.
    """
    sides = [max(1, round(kept * side)) for side in pixels.shape[:2]]
    starts = [
        round(at * (whole - side))
        for at, whole, side in zip((top, left), pixels.shape[:2], sides, strict=True)
    ]
    rows, columns = (slice(at, at + side) for at, side in zip(starts, sides, strict=True))
    return np.ascontiguousarray(pixels[rows, columns])


def _stretch(pixels: Pixels, size: Size) -> Pixels:
    """Fit both sides: first those that shrink, then those that grow."""
    height, width = pixels.shape[:2]
    smaller = min(height, size[0]), min(width, size[1])
    sampled = _samples(height, smaller[0]), _samples(width, smaller[1])
    pixels = _resample(pixels, sampled, cv2.INTER_LINEAR)
    pixels = _resample(pixels, smaller, cv2.INTER_AREA)
    return _resample(pixels, size, cv2.INTER_LINEAR)


def _samples(old: int, new: int) -> int:
    """Return the number of samples along a side to average."""
    return 2 * new if new < old <= 2 * new else old


def _resample(pixels: Pixels, size: Size, interpolation: int) -> Pixels:
    if pixels.shape[:2] == size:
        return pixels
    resampled = cv2.resize(pixels, (size[1], size[0]), interpolation=interpolation)
    # OpenCV drops the axis of a single channel.
    return cast(Pixels, resampled if resampled.ndim == 3 else resampled[:, :, None])


def _centre_of_shape(pixels: Pixels, size: Size) -> Pixels:
    """Return the largest centred part of the aspect ratio of `size`, to the nearest pixel."""
    height, width = pixels.shape[:2]
    scale = max(size[0] / height, size[1] / width)
    rows = min(height, max(1, round(size[0] / scale)))
    columns = min(width, max(1, round(size[1] / scale)))
    top, left = (height - rows) // 2, (width - columns) // 2
    return pixels[top : top + rows, left : left + columns]


def _pad(pixels: Pixels, size: Size, background: tuple[int, int, int]) -> Pixels:
    """Fit the whole picture, centred, and fill the rest with the background."""
    height, width, channels = pixels.shape
    scale = min(size[0] / height, size[1] / width)
    rows = min(size[0], max(1, round(height * scale)))
    columns = min(size[1], max(1, round(width * scale)))
    top, left = (size[0] - rows) // 2, (size[1] - columns) // 2
    padded = np.empty((*size, channels), np.uint8)
    padded[:] = levels(background, channels)
    padded[top : top + rows, left : left + columns] = _stretch(pixels, (rows, columns))
    return padded


def levels(color: tuple[int, int, int], channels: int) -> tuple[int, ...]:
    """Return a colour as the levels of a pixel: itself for three channels, or its gray level."""
    return color if channels == 3 else (luma(color),)


def luma(color: tuple[int, int, int]) -> int:
    """Return the gray level of a colour (ITU-R 601), in Pillow's fixed-point arithmetic."""
    red, green, blue = color
    return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
