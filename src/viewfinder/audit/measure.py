"""What the audit looks at in one picture: opened once, decoded small, put into a row of numbers.

All that is judged later is judged from this row: no check opens a picture.
"""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import xxhash
from numpy.typing import NDArray

from viewfinder.audit.hashes import SIDE, perceptual_hash
from viewfinder.core.errors import Reason, RejectedPicture
from viewfinder.data.source import Source, Stamp
from viewfinder.pictures.codecs.magic import format_of
from viewfinder.pictures.codecs.rasters import array_to_pixels
from viewfinder.pictures.codecs.types import Decoded, Pixels
from viewfinder.pictures.decode import decode
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.pictures.resize import resize

OK = "ok"

# Raised when a column changes its meaning: rows that were measured before are measured again.
MEASURES_VERSION = 1

# The shorter side at which brightness and sharpness are measured, whatever the picture's own size.
_LOOKED_AT = 128
_COLOURED_AT = 64
TINT_SIDE = 8
_BACKGROUND = (255, 255, 255)
_THUMBNAIL = Preprocessing(height=SIDE, width=SIDE, color="gray")
_TINT = Preprocessing(height=TINT_SIDE, width=TINT_SIDE)


class Measurement(NamedTuple):
    """A row of the audit's table: what one look at a picture has shown.

    Levels are those of gray (ITU-R 601), 0 to 255, with the shorter side shrunk to 128 pixels
    where it is longer. Rejected pictures have zeros where there is nothing to measure.

    Attributes:
        locator: What the source reads the picture by.
        size: Its stamp: bytes.
        modified_ns: Its stamp: time of change.
        content: BLAKE2b (128 bits) of its bytes, hexadecimal; "" if they could not be read.
        pixels: A hash of its decoded pixels, and their size; "" if there are none.
        status: "ok", or the reason of its rejection.
        detail: The reason in words, or what was odd but did not matter.
        format: Told by content; "" if it is no known picture.
        width: Upright, in pixels.
        height: Upright, in pixels.
        orientation: EXIF, 1 to 8.
        traits: "CMYK", "16-bit" …, with semicolons.
        brightness: The mean level.
        contrast: The standard deviation of the levels.
        darkest: The level that 1 % of the pixels do not exceed.
        dark: The same for 5 %.
        bright: The same for 95 %.
        brightest: The same for 99 %.
        entropy: Of the levels' histogram, in bits, 0 to 8.
        sharpness: Of the steepest edges, over the range of levels; see :func:`sharpness`.
        chroma: How far the colour channels of a pixel lie apart; the level of 99 % of the pixels.
        hash: The perceptual hash.
        mirrored_hash: That of the mirror image.
        thumbnail: Gray, 32 × 32 uint8, as bytes.
        tint: Colour apart from brightness (Cr, Cb), 8 × 8 × 2 uint8, as bytes.
    """

    locator: str
    size: int
    modified_ns: int
    content: str
    pixels: str
    status: str
    detail: str
    format: str
    width: int
    height: int
    orientation: int
    traits: str
    brightness: float
    contrast: float
    darkest: int
    dark: int
    bright: int
    brightest: int
    entropy: float
    sharpness: float
    chroma: int
    hash: int
    mirrored_hash: int
    thumbnail: bytes
    tint: bytes


_NOTHING = Measurement(
    *("", -1, -1, "", "", OK, "", "", 0, 0, 1, ""),
    *(0.0, 0.0, 0, 0, 0, 0, 0.0, 0.0, 0, 0, 0),
    *(bytes(SIDE * SIDE), bytes(TINT_SIDE * TINT_SIDE * 2)),
)


def measure(
    source: Source,
    locator: str,
    stamp: Stamp,
    *,
    recall: Callable[[str], Measurement | None] = lambda _: None,
) -> Measurement:
    """Open one picture and measure it; whatever it is, this gives a row.

    Args:
        source: Where its bytes are.
        locator: What the source reads it by.
        stamp: Goes into the row.
        recall: The row of a picture with this content, if one is known: it is decoded no more.
    """
    row = _NOTHING._replace(locator=locator, size=stamp.size, modified_ns=stamp.modified_ns)
    try:
        data = source.read(locator)
        row = row._replace(content=_digest(data))
        if known := recall(row.content):
            return known._replace(locator=locator, size=stamp.size, modified_ns=stamp.modified_ns)
        row = row._replace(format=format_of(data) if isinstance(data, bytes) else "array")
        return _looked_at(row, _decoded(data))
    except RejectedPicture as rejection:
        if rejection.reason is Reason.MISSING:  # it may come back just as it was
            row = row._replace(size=-1, modified_ns=-1)
        return row._replace(status=rejection.reason.value, detail=rejection.detail)


def _decoded(data: bytes | Pixels) -> Decoded:
    if isinstance(data, bytes):
        return decode(data, at_least=(_LOOKED_AT, _LOOKED_AT))
    shaped = data[:, :, None] if data.ndim == 2 else data
    pixels = array_to_pixels(shaped, "rgb", _BACKGROUND)
    return Decoded(pixels, "array", width=shaped.shape[1], height=shaped.shape[0])


def _looked_at(row: Measurement, picture: Decoded) -> Measurement:
    gray = _gray(picture.pixels)
    thumbnail = resize(gray[:, :, None], _THUMBNAIL)
    gray = _shrunk(gray)
    colours = _thinned(picture.pixels)
    tint = np.asarray(cv2.cvtColor(resize(colours, _TINT), cv2.COLOR_RGB2YCrCb))[:, :, 1:]
    counts = np.bincount(gray.ravel(), minlength=256)
    darkest, dark, bright, brightest = percentiles(counts, (0.01, 0.05, 0.95, 0.99))
    brightness, contrast = _moments(counts)
    hashes = perceptual_hash(thumbnail[:, :, 0])
    return row._replace(
        pixels=_pixels_digest(picture),
        detail="; ".join(picture.notes),
        format=picture.format,
        width=picture.width,
        height=picture.height,
        orientation=picture.orientation,
        traits="; ".join(picture.traits),
        brightness=brightness,
        contrast=contrast,
        darkest=darkest,
        dark=dark,
        bright=bright,
        brightest=brightest,
        entropy=entropy(counts),
        sharpness=sharpness(gray, brightest - darkest),
        chroma=_chroma(colours),
        hash=hashes[0],
        mirrored_hash=hashes[1],
        thumbnail=thumbnail.tobytes(),
        tint=np.ascontiguousarray(tint).tobytes(),
    )


def _gray(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def _shrunk(gray: Pixels) -> Pixels:
    """The picture with its shorter side at 128 pixels, or as it is if that is shorter."""
    height, width = gray.shape
    scale = _LOOKED_AT / min(height, width)
    if scale >= 1:
        return gray
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def _thinned(pixels: Pixels) -> Pixels:
    """Every second, third … pixel each way, so that at least 64 are left: enough for colours."""
    step = max(1, min(pixels.shape[:2]) // _COLOURED_AT)
    return np.ascontiguousarray(pixels[::step, ::step])


def _moments(counts: NDArray[np.int64]) -> tuple[float, float]:
    """The mean and the standard deviation of levels, from their histogram."""
    levels, count = np.arange(256.0), counts.sum()
    mean = float(levels @ counts / count)
    return mean, float(np.sqrt((levels - mean) ** 2 @ counts / count))


def percentiles(counts: NDArray[np.int64], shares: tuple[float, ...]) -> tuple[int, ...]:
    """The lowest level that at least each share of the pixels does not exceed.

    Args:
        counts: Pixels of each level, int64, shape `(256,)`.
        shares: From 0 to 1.
    """
    reached = np.cumsum(counts)
    return tuple(np.searchsorted(reached, np.array(shares) * reached[-1]).tolist())


def entropy(counts: NDArray[np.int64]) -> float:
    """Shannon's entropy of a histogram, in bits."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def sharpness(gray: Pixels, contrast: int) -> float:
    """How steep the steepest edges are: the Laplacian that 99.5 % do not exceed, over the contrast.

    A sharp picture has sharp edges somewhere; the variance of the Laplacian, which is often taken
    instead, also calls sharp pictures of smooth things blurred. (On the course's cats and dogs,
    blurring by a standard deviation of two pixels brings every picture below 0.13; as they are,
    one in 500 is below 0.2.)

    Args:
        gray: uint8, shape `(height, width)`.
        contrast: The range of its levels, 1 to 255.
    """
    edges = np.asarray(cv2.convertScaleAbs(cv2.Laplacian(gray, cv2.CV_16S)))
    return percentiles(np.bincount(edges.ravel(), minlength=256), (0.995,))[0] / max(contrast, 1)


def _chroma(colours: Pixels) -> int:
    red, green, blue = cv2.split(colours)
    apart = cv2.max(cv2.max(red, green), blue) - cv2.min(cv2.min(red, green), blue)
    return percentiles(np.bincount(np.asarray(apart).ravel(), minlength=256), (0.99,))[0]


def _digest(data: bytes | Pixels) -> str:
    """BLAKE2b of what the store, too, hashes."""
    encoded = data if isinstance(data, bytes) else np.ascontiguousarray(data).data
    return hashlib.blake2b(encoded, digest_size=16).hexdigest()


def _pixels_digest(picture: Decoded) -> str:
    """XXH3 (128 bits) of the pixels, and the picture's size."""
    pixels = np.ascontiguousarray(picture.pixels)
    return f"{picture.width}x{picture.height} {xxhash.xxh3_128_hexdigest(pixels.data)}"
