"""Slow and obvious versions of what the product does fast; tests hold one against the other."""

import hashlib
import itertools
from collections.abc import Iterator, Mapping

import numpy as np
from scipy import ndimage

# --- Augmentation --------------------------------------------------------------------------------
#
# Parameters are one row of a plan's samples by name. Nothing here multiplies matrices: places and
# colours go through one operation after the other, as the documentation words them.

# OpenCV's borders in the words of scipy.ndimage. SciPy's own `wrap` overlaps first and last pixel,
# and its `constant` does not blend with the outside: the `grid-` modes are the textbook's.
SCIPY_MODES = {
    "nearest": "nearest",
    "reflect": "reflect",
    "wrap": "grid-wrap",
    "constant": "grid-constant",
}

COLORS = ("red", "green", "blue")


def smooth_pictures(count: int, height: int, width: int, channels: int) -> np.ndarray:
    """Different pictures without edges, uint8, on which interpolation errs little."""
    y, x = np.mgrid[0:height, 0:width]
    shape = [
        [
            127 + 55 * np.sin(x / (7 + c) + i) + 50 * np.cos(y / (9 - c) - i + c)
            for c in range(channels)
        ]
        for i in range(count)
    ]
    return np.moveaxis(np.array(shape), 1, -1).astype(np.uint8)


def slow_augment(
    picture: np.ndarray,
    parameters: Mapping[str, float],
    size: tuple[int, int],
    *,
    fill: str = "nearest",
    fill_level: int = 0,
    erase_level: int = 127,
) -> np.ndarray:
    """One picture (H, W, C) uint8 changed by a plan, as floats (h, w, C) from 0 to 255."""
    moved = slow_motion(picture, parameters, size, fill=fill, fill_level=fill_level)
    colored = np.clip(slow_color(moved, parameters), 0, 255)
    blurred = slow_blur(colored, parameters)
    return slow_erase(blurred, parameters, erase_level)


def slow_motion(
    picture: np.ndarray,
    parameters: Mapping[str, float],
    size: tuple[int, int],
    *,
    fill: str,
    fill_level: int,
) -> np.ndarray:
    """Asks, for the middle of each pixel of the result, which place of the source it shows."""
    height, width = size
    y, x = np.mgrid[0:height, 0:width] + 0.5
    x, y = x - width / 2, y - height / 2
    if parameters.get("flip.horizontal"):
        x = -x
    if parameters.get("flip.vertical"):
        y = -y
    x, y = x * parameters.get("zoom.x", 1), y * parameters.get("zoom.y", 1)
    slant = np.deg2rad(parameters.get("shear.degrees", 0))
    x, y = x - y * np.sin(slant), y * np.cos(slant)
    x = x + width * parameters.get("shift.x", 0)
    y = y + height * parameters.get("shift.y", 0)
    angle = np.deg2rad(parameters.get("rotation.degrees", 0))
    x, y = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    # From here in fractions of the picture, from its upper left corner.
    x, y = x / width + 0.5, y / height + 0.5
    x = parameters.get("crop.left", 0) + x * parameters.get("crop.width", 1)
    y = parameters.get("crop.top", 0) + y * parameters.get("crop.height", 1)
    places = [y * picture.shape[0] - 0.5, x * picture.shape[1] - 0.5]
    mode = SCIPY_MODES[fill]
    channels = [
        ndimage.map_coordinates(plane, places, order=1, mode=mode, cval=fill_level)
        for plane in np.moveaxis(picture.astype(float), -1, 0)
    ]
    return np.stack(channels, axis=-1)


def slow_color(picture: np.ndarray, parameters: Mapping[str, float]) -> np.ndarray:
    """Colour by colour, in floats, without rounding or cutting."""
    rgb = np.repeat(picture, 3, axis=-1) if picture.shape[-1] == 1 else picture
    rgb = rgb.astype(float) * parameters.get("brightness.factor", 1)
    rgb = 127.5 + (rgb - 127.5) * parameters.get("contrast.factor", 1)
    gray = _luma(rgb)
    rgb = gray + (rgb - gray) * parameters.get("saturation.factor", 1)
    rgb = _turn_hue(rgb, parameters.get("hue.degrees", 0))
    rgb = _mix_channels(rgb, parameters)
    names = [f"channel_shift.{color}" for color in COLORS]
    rgb = rgb + [parameters.get(name, 0) for name in names]
    if parameters.get("grayscale.on"):
        rgb = np.repeat(_luma(rgb), 3, axis=-1)
    return rgb[..., : picture.shape[-1]]


def slow_blur(picture: np.ndarray, parameters: Mapping[str, float]) -> np.ndarray:
    """A Gaussian, cut where OpenCV cuts it for 8 bits: 3 sigma from the middle."""
    sigma = parameters.get("blur.sigma", 0) * min(picture.shape[:2])
    if sigma == 0:
        return picture
    radius = (round(6 * sigma + 1) | 1) // 2
    return ndimage.gaussian_filter(picture, sigma, mode="nearest", radius=radius, axes=(0, 1))


def slow_erase(picture: np.ndarray, parameters: Mapping[str, float], level: int) -> np.ndarray:
    """Hide the pixels whose middles are in the box."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width] + 0.5
    left, top = (parameters.get(f"erase.{side}", 0) for side in ("left", "top"))
    right, bottom = left + parameters.get("erase.width", 0), top + parameters.get("erase.height", 0)
    inside = (x > left * width) & (x < right * width) & (y > top * height) & (y < bottom * height)
    return np.where(inside[..., None], level, picture)


def _luma(rgb: np.ndarray) -> np.ndarray:
    return (0.299 * rgb[..., 0] + 0.587 * rgb[..., 1] + 0.114 * rgb[..., 2])[..., None]


def _mix_channels(rgb: np.ndarray, parameters: Mapping[str, float]) -> np.ndarray:
    """The weighted sum, and as much of the gray (the mean of the three) as is missing from 1."""
    share = parameters.get("channel_mix.share", 0)
    mixed = np.empty_like(rgb)
    for i, mix in enumerate(COLORS):
        weights = [parameters.get(f"channel_mix.{source}_in_{mix}", 0) for source in COLORS]
        mixed[..., i] = rgb @ weights + (1 - sum(weights)) * rgb.mean(axis=-1)
    return (1 - share) * rgb + share * mixed


def _turn_hue(rgb: np.ndarray, degrees: float) -> np.ndarray:
    """Through YIQ, with the coefficients as they are printed in the FCC's standard of 1953."""
    red, green, blue = np.moveaxis(rgb, -1, 0)
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    i = 0.5959 * red - 0.2746 * green - 0.3213 * blue
    q = 0.2115 * red - 0.5227 * green + 0.3112 * blue
    turn = np.deg2rad(degrees)
    i, q = i * np.cos(turn) - q * np.sin(turn), i * np.sin(turn) + q * np.cos(turn)
    turned = [y + 0.956 * i + 0.619 * q, y - 0.272 * i - 0.647 * q, y - 1.106 * i + 1.703 * q]
    return np.stack(turned, axis=-1)


# --- Decoding and resizing -----------------------------------------------------------------------


def slow_resize_axis(values: np.ndarray, size: int) -> np.ndarray:
    """Resize the first axis.

    A cell is the average over what it covers if the axis shrinks to less than half, of two points
    in it (a quarter from each end) if it shrinks less, and its middle if it grows; a point is
    interpolated linearly. Each new cell is a weighted sum of the old ones, and the weights are
    written out as a matrix.
    """
    old = len(values)
    weights = np.zeros((size, old))
    for cell in range(size):
        start, stop = cell * old / size, (cell + 1) * old / size
        if 2 * size < old:
            for source in range(old):
                weights[cell, source] = max(0.0, min(stop, source + 1) - max(start, source))
        else:
            for share in (0.25, 0.75) if size < old else (0.5,):
                point = min(max(start + share * (stop - start) - 0.5, 0), old - 1)
                below = int(point)
                weights[cell, below] += 1 - (point - below)
                weights[cell, min(below + 1, old - 1)] += point - below
    weights /= weights.sum(axis=1, keepdims=True)
    return np.tensordot(weights, values, axes=1)


def slow_resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize both axes of `(height, width, channels)`, as float64."""
    rows = slow_resize_axis(pixels.astype(float), size[0])
    return slow_resize_axis(rows.transpose(1, 0, 2), size[1]).transpose(1, 0, 2)


# --- Randomness ----------------------------------------------------------------------------------


def splitmix64(seed: int) -> Iterator[int]:
    """SplitMix64 as published, in Python's own integers."""
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        yield z ^ (z >> 31)


def slow_bits(seed: int, operation: str, epoch: int, example: int, draws: int) -> list[int]:
    """The random integers at one address: each part of it seeds the generator of the next."""
    name = int.from_bytes(hashlib.blake2b(operation.encode(), digest_size=8).digest(), "little")
    state = next(splitmix64(seed % 2**64))
    for part in (name, epoch % 2**64, example):
        state = next(splitmix64(state ^ part))
    return list(itertools.islice(splitmix64(state), 1, 1 + draws))
