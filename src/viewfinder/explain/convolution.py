"""Convolution and pooling by hand, with the arithmetic of Keras's layers."""

import math
import os
import re
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from viewfinder.core.errors import UsageError, nearest

Padding = Literal["valid", "same"]
Pooling = Literal["max", "mean"]
Values = NDArray[np.float64]

_SIZES = (3, 5)

# Weights by name. The course's own are the three of its lesson on convolutions.
FILTERS: dict[str, list[list[float]]] = {
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "edges": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "laplacian": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    "sobel-x": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "sobel-y": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "prewitt-x": [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
    "prewitt-y": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "emboss": [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
    "blur": [[1 / 9] * 3] * 3,
    "blur-5": [[1 / 25] * 5] * 5,
    "gaussian": [[a * b / 16 for b in (1, 2, 1)] for a in (1, 2, 1)],
    "gaussian-5": [[a * b / 256 for b in (1, 4, 6, 4, 1)] for a in (1, 4, 6, 4, 1)],
    "log-5": [
        [0, 0, -1, 0, 0],
        [0, -1, -2, -1, 0],
        [-1, -2, 16, -2, -1],
        [0, -1, -2, -1, 0],
        [0, 0, -1, 0, 0],
    ],
    "course-edges": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    "course-horizontal": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "course-vertical": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
}


def filter_weights(filter: str | ArrayLike) -> Values:
    """Return the weights of a filter.

    Args:
        filter: A name in `FILTERS`, 9 or 25 numbers in a text (row by row, divided by blanks or
            commas), or an array of shape (3, 3), (5, 5), (9,) or (25,).

    Returns:
        float64, shape (3, 3) or (5, 5).

    Raises:
        UsageError: There is no such filter, or the numbers are no 3 × 3 or 5 × 5 filter.
    """
    if isinstance(filter, str):
        if filter in FILTERS:
            return np.array(FILTERS[filter], np.float64)
        if re.match(r"\s*[a-z]", filter, re.IGNORECASE):
            raise UsageError(
                f"There is no filter {filter!r}.",
                expected="a name, or 9 or 25 numbers",
                remedy=nearest(filter, FILTERS),
            )
        filter = _numbers(filter)
    weights = np.asarray(filter, np.float64)
    if weights.shape in [(side * side,) for side in _SIZES]:
        weights = weights.reshape(math.isqrt(weights.size), -1)
    if weights.ndim != 2 or weights.shape not in [(side, side) for side in _SIZES]:
        raise _no_filter(f"an array of shape {weights.shape}")
    if not np.isfinite(weights).all():
        raise _no_filter("numbers that are not finite")
    return weights


def convolve(
    picture: ArrayLike,
    filter: str | ArrayLike,
    *,
    stride: int = 1,
    padding: Padding = "valid",
) -> Values:
    """Convolve each channel of a picture with one filter, as Keras's `DepthwiseConv2D` does.

    As in all deep-learning libraries, the filter is not flipped: this is the cross-correlation,
    :func:`scipy.signal.correlate2d`.

    Args:
        picture: Numbers of shape (height, width) or (height, width, channels).
        filter: A name or weights; see :func:`filter_weights`.
        stride: The step between two positions of the filter, at least 1.
        padding: "valid" keeps the filter within the picture; "same" pads it with zeros, so that
            with stride 1 the size stays.

    Returns:
        float64 of as many axes; neither clipped nor rounded.

    Raises:
        UsageError: There is no such filter, or the picture is smaller than the filter.
    """
    weights = filter_weights(filter)
    values = _planes(picture)
    padded = _padded(values, len(weights), stride, padding, 0.0)
    windows = _windows(padded, len(weights), stride)
    return np.asarray(np.einsum("...ab,ab->...", windows, weights))


def pool(
    picture: ArrayLike,
    kind: Pooling = "max",
    *,
    size: int = 2,
    stride: int | None = None,
    padding: Padding = "valid",
) -> Values:
    """Pool each channel of a picture, as Keras's `MaxPooling2D` and `AveragePooling2D` do.

    Args:
        picture: Numbers of shape (height, width) or (height, width, channels).
        kind: "max" or "mean".
        size: The side of the window, at least 1.
        stride: The step between two windows; by default `size`.
        padding: "valid" leaves out an incomplete window; "same" keeps it and ignores what lies
            outside of the picture.

    Returns:
        float64 of as many axes.

    Raises:
        UsageError: There is no such pooling, or the picture is smaller than the window.
    """
    if kind not in ("max", "mean"):
        raise UsageError(f"There is no pooling {kind!r}.", remedy=nearest(kind, ("max", "mean")))
    stride = size if stride is None else stride
    values = _planes(picture)
    windows = _windows(_padded(values, size, stride, padding, np.nan), size, stride)
    reduced = np.nanmax if kind == "max" else np.nanmean
    return np.asarray(reduced(windows, axis=(-2, -1)), np.float64)


def _planes(picture: ArrayLike) -> Values:
    if isinstance(picture, str | bytes | os.PathLike):
        raise UsageError(
            "A picture is convolved as an array.",
            expected="numbers of shape (height, width) or (height, width, channels)",
            received=repr(picture)[:40],
            remedy='vf.decode(Path("photo.jpg").read_bytes(), color="gray").pixels',
        )
    values = np.asarray(picture, np.float64)
    if values.ndim not in (2, 3) or 0 in values.shape:
        raise UsageError(
            "This array is not a picture.",
            expected="shape (height, width) or (height, width, channels), not empty",
            received=f"shape {values.shape}",
        )
    return values


def _padded(values: Values, size: int, stride: int, padding: Padding, fill: float) -> Values:
    """Pad as TensorFlow does: an odd row or column goes to the bottom or the right."""
    if size < 1 or stride < 1:
        raise UsageError(
            "A window needs a size and a stride.",
            expected="both at least 1",
            received=f"size {size}, stride {stride}",
        )
    if padding == "valid":
        if size > min(values.shape[:2]):
            raise UsageError(
                "The picture is smaller than the window.",
                expected=f"at least {size} × {size}",
                received=f"{values.shape[0]} × {values.shape[1]}",
            )
        return values
    if padding != "same":
        raise UsageError(
            f"There is no padding {padding!r}.", remedy=nearest(padding, ("valid", "same"))
        )
    missing = [
        max((math.ceil(side / stride) - 1) * stride + size - side, 0) for side in values.shape[:2]
    ]
    widths = [(total // 2, total - total // 2) for total in missing]
    return np.pad(values, [*widths, *[(0, 0)] * (values.ndim - 2)], constant_values=fill)


def _windows(values: Values, size: int, stride: int) -> Values:
    """Return a view of all windows: their rows and columns are the last two axes."""
    windows = np.lib.stride_tricks.sliding_window_view(values, (size, size), axis=(0, 1))
    return windows[::stride, ::stride]


def _numbers(text: str) -> Values:
    words = [word for word in re.split(r"[\s,;]+", text.strip("[]() ")) if word]
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError as error:
        raise _no_filter(repr(text)) from error
    side = math.isqrt(len(numbers))
    if side not in _SIZES or side * side != len(numbers):
        raise _no_filter(f"{len(numbers)} numbers")
    return numbers.reshape(side, side)


def _no_filter(received: str) -> UsageError:
    return UsageError(
        "These numbers are no filter.",
        expected="9 or 25 numbers, row by row, for a 3 × 3 or 5 × 5 filter",
        received=received,
    )
