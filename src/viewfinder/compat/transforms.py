"""Keras 2's functions on the pixels of one picture.

Pictures are 3-D arrays with the channels on `channel_axis`; the defaults are Keras 2's, channels
first. The functions named `random_…` draw from NumPy's global generator, as Keras 2's do, so a
script with `np.random.seed` gets the same numbers from both.

Affine maps of float32 and uint8 pictures are resampled by OpenCV, others by SciPy as in Keras 2.
The two differ by less than 0.01 levels (uint8: by rounding).
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# OpenCV's name for the modes of SciPy; for `constant`, points outside are overwritten afterwards.
_BORDERS = {
    "nearest": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT,
    "constant": cv2.BORDER_REPLICATE,
}


def apply_affine_transform(
    x: Array,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> Array:
    """Rotate, shift, shear and zoom a picture, in this order and in one resampling.

    Args:
        x: The picture, 3-D, of any numeric dtype.
        theta: Rotation in degrees.
        tx: Shift along the rows, in pixels.
        ty: Shift along the columns, in pixels.
        shear: Shear angle in degrees.
        zx: Zoom along the rows; below 1 enlarges.
        zy: Zoom along the columns.
        row_axis: The axis of the rows.
        col_axis: The axis of the columns.
        channel_axis: The axis of the channels, 0 or 2.
        fill_mode: "nearest", "reflect", "wrap", "constant", or another mode of SciPy's.
        cval: The value outside the picture for `constant`.
        order: The order of the interpolating spline, 0 to 5.

    Returns:
        The picture with the same shape and dtype.

    Raises:
        ValueError: `x` is not 3-D, or the axes are not 0, 1 and 2.

    As in Keras, rotation and zoom of a picture that is not square are not about its centre: Keras
    exchanges height and width there.
    """
    _check_axes(x, row_axis, col_axis, channel_axis)
    matrix = _matrix(theta, tx, ty, shear, zx, zy)
    if np.array_equal(matrix, np.eye(3)):
        return x
    matrix = transform_matrix_offset_center(matrix, x.shape[row_axis], x.shape[col_axis])
    if col_axis > row_axis:
        matrix = matrix[[1, 0, 2]][:, [1, 0, 2]]
    picture = np.moveaxis(x, channel_axis, -1)
    result = _resample(picture, matrix, fill_mode, cval, order)
    return np.moveaxis(result, -1, channel_axis)


def apply_channel_shift(x: Array, intensity: float, channel_axis: int = 0) -> Array:
    """Add `intensity` to each value, clipped to the picture's own range.

    Keras 2 adds one number to all channels, in spite of the name.
    """
    del channel_axis  # the result does not depend on it
    return np.clip(x + intensity, np.min(x), np.max(x))


def apply_brightness_shift(x: Array, brightness: float, scale: bool = True) -> Array:
    """Multiply the brightness of a picture, channels last, as Pillow does on 8 bits.

    Args:
        x: Values 0 to 255; other ranges are scaled to them and, unless `scale`, back. The fourth
            channel, transparency, is left.
        brightness: 1 leaves the picture, below 1 darkens it.
        scale: Stretch the picture to 0–255 first.

    Returns:
        float32, shape of `x`.
    """
    low, high = np.min(x), np.max(x)
    outside = bool(low < 0 or high > 255)
    levels = np.array(x, dtype=np.float32)
    if outside or scale:
        levels -= low
        levels *= 255 / (levels.max() or 1)
    levels = np.trunc(levels)
    result: Array = np.clip(np.trunc(np.float32(brightness) * levels), 0, 255)
    if result.shape[-1] == 4:
        result[..., 3] = levels[..., 3]
    return result / 255 * (high - low) + low if outside and not scale else result


def flip_axis(x: Array, axis: int) -> Array:
    """Reverse one axis of an array."""
    return np.flip(x, axis)


def random_rotation(
    x: Array,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> Array:
    """Rotate by an angle from -rg to rg degrees."""
    theta = np.random.uniform(-rg, rg)
    axes = (row_axis, col_axis, channel_axis)
    return _applied(x, axes, fill_mode, cval, interpolation_order, theta=theta)


def random_shift(
    x: Array,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> Array:
    """Shift by up to the fractions `wrg` of the width and `hrg` of the height."""
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    axes = (row_axis, col_axis, channel_axis)
    return _applied(x, axes, fill_mode, cval, interpolation_order, tx=tx, ty=ty)


def random_shear(
    x: Array,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> Array:
    """Shear by an angle from -intensity to intensity degrees."""
    shear = np.random.uniform(-intensity, intensity)
    axes = (row_axis, col_axis, channel_axis)
    return _applied(x, axes, fill_mode, cval, interpolation_order, shear=shear)


def random_zoom(
    x: Array,
    zoom_range: tuple[float, float] | list[float],
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> Array:
    """Zoom each axis by a factor from the range (smallest, largest).

    Raises:
        ValueError: `zoom_range` is not a pair.
    """
    if len(zoom_range) != 2:
        raise ValueError(
            f"`zoom_range` should be a pair (smallest, largest), as (0.8, 1.2). "
            f"Received: {zoom_range}"
        )
    low, high = zoom_range
    zx, zy = (1.0, 1.0) if low == high == 1 else np.random.uniform(low, high, 2)
    axes = (row_axis, col_axis, channel_axis)
    return _applied(x, axes, fill_mode, cval, interpolation_order, zx=zx, zy=zy)


def random_channel_shift(x: Array, intensity_range: float, channel_axis: int = 0) -> Array:
    """Add one number from -intensity_range to intensity_range, clipped to the picture's range."""
    intensity = np.random.uniform(-intensity_range, intensity_range)
    return apply_channel_shift(x, intensity, channel_axis=channel_axis)


def random_brightness(
    x: Array, brightness_range: tuple[float, float] | list[float], scale: bool = True
) -> Array:
    """Multiply the brightness by a factor from the range (smallest, largest).

    Raises:
        ValueError: `brightness_range` is not a pair.
    """
    if len(brightness_range) != 2:
        raise ValueError(
            "`brightness_range` should be a pair (smallest, largest), as (0.8, 1.2). "
            f"Received: {brightness_range}"
        )
    return apply_brightness_shift(x, np.random.uniform(*brightness_range), scale)


def _applied(
    x: Array,
    axes: tuple[int, int, int],
    fill_mode: str,
    cval: float,
    order: int,
    **parameters: float,
) -> Array:
    rows, columns, channels = axes
    return apply_affine_transform(
        x,
        **parameters,
        row_axis=rows,
        col_axis=columns,
        channel_axis=channels,
        fill_mode=fill_mode,
        cval=cval,
        order=order,
    )


def _check_axes(x: Array, row_axis: int, col_axis: int, channel_axis: int) -> None:
    axes = (row_axis, col_axis, channel_axis)
    if sorted(axes) != [0, 1, 2]:
        raise ValueError(
            "'row_axis', 'col_axis' and 'channel_axis' must be distinct and out of 0, 1, 2. "
            f"Received: {axes}"
        )
    if x.ndim != 3:
        raise ValueError(
            f"The picture must have 3 axes: rows, columns and channels. Received shape: {x.shape}"
        )
    if channel_axis == 1:
        raise ValueError("The channels must be the first or the last axis. Received axis: 1")


def _matrix(theta: float, tx: float, ty: float, shear: float, zx: float, zy: float) -> Array:
    """Return the 3 × 3 map from the result to the source, about the origin."""
    turn, slant = np.deg2rad(theta), np.deg2rad(shear)
    rotation = [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    moved = [[1, 0, tx], [0, 1, ty], [0, 0, 1]]
    sheared = [[1, -np.sin(slant), 0], [0, np.cos(slant), 0], [0, 0, 1]]
    matrix: Array = np.array(rotation) @ moved @ sheared @ np.diag([zx, zy, 1.0])
    return matrix


def transform_matrix_offset_center(matrix: Array, x: int, y: int) -> Array:
    """Return a 3 × 3 map about the centre of an array of `x` by `y` instead of the origin."""
    centre = np.eye(3)
    centre[:2, 2] = x / 2 - 0.5, y / 2 - 0.5
    back = np.eye(3)
    back[:2, 2] = -centre[:2, 2]
    result: Array = centre @ matrix @ back
    return result


def _resample(picture: Array, matrix: Array, mode: str, cval: float, order: int) -> Array:
    """Resample a picture (h, w, C) through the map (row, column) of the result → source."""
    if picture.dtype == np.float16:  # which neither OpenCV nor SciPy resamples
        return _resample(picture.astype(np.float32), matrix, mode, cval, order).astype(np.float16)
    if order == 1 and mode in {*_BORDERS, "wrap"} and picture.dtype in (np.uint8, np.float32):
        # Of other numbers of channels, OpenCV rounds coordinates to 1/32 of a pixel.
        parts = 1 if picture.shape[-1] in (1, 3, 4) else picture.shape[-1]
        resampled = [
            _resample_fast(np.ascontiguousarray(part), matrix, mode, cval)
            for part in np.split(picture, parts, axis=-1)
        ]
        return np.concatenate(resampled, axis=-1)
    from scipy import ndimage

    channels = [
        ndimage.affine_transform(
            picture[..., channel], matrix[:2, :2], matrix[:2, 2], order=order, mode=mode, cval=cval
        )
        for channel in range(picture.shape[-1])
    ]
    return np.stack(channels, axis=-1)


def _resample_fast(picture: Array, matrix: Array, mode: str, cval: float) -> Array:
    height, width, channels = picture.shape
    result: Any
    if mode == "wrap":
        columns, rows = _source_coordinates(matrix, height, width)
        columns, rows = _wrapped(columns, width - 1), _wrapped(rows, height - 1)
        result = cv2.remap(
            picture,
            columns.astype(np.float32),
            rows.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    else:
        result = cv2.warpAffine(
            picture,
            matrix[[1, 0]][:, [1, 0, 2]],
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=_BORDERS[mode],
        )
    resampled: Array = result.reshape(height, width, channels)
    if mode == "constant":
        columns, rows = _source_coordinates(matrix, height, width)
        within = (columns >= 0) & (columns <= width - 1) & (rows >= 0) & (rows <= height - 1)
        resampled[~within] = cval
    return resampled


def _source_coordinates(matrix: Array, height: int, width: int) -> tuple[Array, Array]:
    """Return the columns and rows of the source, each of shape (h, w)."""
    rows, columns = np.arange(height)[:, None], np.arange(width)
    down = matrix[0, 0] * rows + matrix[0, 1] * columns + matrix[0, 2]
    across = matrix[1, 0] * rows + matrix[1, 1] * columns + matrix[1, 2]
    # A grid point that rounding moves past the edge is still on the edge.
    return _snapped(across, width - 1), _snapped(down, height - 1)


def _wrapped(coordinates: Array, last: int) -> Array:
    """Repeat the picture less one pixel, as SciPy's `wrap` does."""
    inside = (coordinates >= 0) & (coordinates <= last)
    return np.where(inside, coordinates, coordinates % max(last, 1))


def _snapped(coordinates: Array, last: int) -> Array:
    on_edge = [np.abs(coordinates) < 1e-9, np.abs(coordinates - last) < 1e-9]
    return np.select(on_edge, [np.zeros(()), np.full((), float(last))], coordinates)
