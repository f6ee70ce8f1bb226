"""The audit's measurements of one picture: decoded once, at a small size, into a row of figures.

The checks use these rows, and open no picture.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import xxhash
from numpy.typing import NDArray

from viewfinder.audit.detail import ground, letters, true_side
from viewfinder.audit.hashes import SIDE, perceptual_hash
from viewfinder.core.errors import Reason, RejectedPicture
from viewfinder.data.dataset import OK
from viewfinder.data.source import MISSING, Source, Stamp, content_of
from viewfinder.pictures.codecs.exif import shot_of
from viewfinder.pictures.codecs.magic import format_of
from viewfinder.pictures.codecs.types import Decoded, Pixels
from viewfinder.pictures.decode import decode
from viewfinder.pictures.prepare import before_resizing
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.pictures.resize import resize

# Raised when the meaning of a column changes; older rows are then measured again.
MEASURES_VERSION = 3

# The shorter side at which brightness and sharpness, and colours, are measured.
_GRAY_SIDE = 128
_COLOUR_SIDE = 64
TINT_SIDE = 8
# Of a picture's pixels, where text is looked for.
LEAST_GROUND = 0.5
_THUMBNAIL = Preprocessing(height=SIDE, width=SIDE, color="gray")
_TINT = Preprocessing(height=TINT_SIDE, width=TINT_SIDE)
_AT_LEAST = _GRAY_SIDE, _GRAY_SIDE


class Measurement(NamedTuple):
    """A row of the audit's table, for one picture.

    Levels are those of gray (ITU-R 601), 0 to 255, after shrinking the shorter side to 128 pixels.
    Rejected pictures have zeros.

    Attributes:
        locator: The picture's address in its source.
        size: The file's bytes, from the stamp.
        mark: From the stamp; see :class:`viewfinder.data.source.Stamp`.
        content: BLAKE2b (128 bits) of the bytes, hexadecimal; "" if they cannot be read.
        pixels: A hash of the decoded pixels and their size; "" without pixels.
        status: "ok", or the reason of the rejection.
        detail: The rejection in words, or notes on harmless faults.
        format: The format by content; "" if unknown.
        width: Upright, in pixels.
        height: Upright, in pixels.
        orientation: EXIF, 1 to 8.
        traits: "CMYK", "16-bit" …, separated by semicolons.
        camera: Maker and model, from EXIF as the next two; "" without it.
        serial: The serial number of the camera.
        time: The time of exposure, such as "2024:05:01 10:59:03".
        brightness: The mean level.
        contrast: The standard deviation of the levels.
        darkest: The first percentile of the levels.
        dark: The 5th percentile.
        bright: The 95th percentile.
        brightest: The 99th percentile.
        entropy: The entropy of the levels' histogram in bits, 0 to 8.
        sharpness: The steepness of the steepest edges; see :func:`sharpness`.
        chroma: The 99th percentile of the range of a pixel's colour channels.
        ground: The share of the pixels within 6 levels of the commonest.
        letters: The letters in lines of text, where half of the picture or more is ground.
        true_side: The shorter side that holds the detail of an enlarged picture; else 0.
        hash: The perceptual hash.
        mirrored_hash: The perceptual hash of the mirror image.
        thumbnail: Gray, 32 × 32 uint8, as bytes.
        tint: Colour apart from brightness (Cr, Cb), 8 × 8 × 2 uint8, as bytes.
    """

    locator: str
    size: int
    mark: int
    content: str = ""
    pixels: str = ""
    status: str = OK
    detail: str = ""
    format: str = ""
    width: int = 0
    height: int = 0
    orientation: int = 1
    traits: str = ""
    camera: str = ""
    serial: str = ""
    time: str = ""
    brightness: float = 0.0
    contrast: float = 0.0
    darkest: int = 0
    dark: int = 0
    bright: int = 0
    brightest: int = 0
    entropy: float = 0.0
    sharpness: float = 0.0
    chroma: int = 0
    ground: float = 0.0
    letters: int = 0
    true_side: int = 0
    hash: int = 0
    mirrored_hash: int = 0
    thumbnail: bytes = bytes(SIDE * SIDE)
    tint: bytes = bytes(TINT_SIDE * TINT_SIDE * 2)


def measure(
    source: Source,
    locator: str,
    stamp: Stamp,
    *,
    recall: Callable[[str], Measurement | None] = lambda _: None,
) -> Measurement:
    """Measure one picture, or record its rejection.

    Args:
        source: The source of the picture.
        locator: The picture's address in the source.
        stamp: Its stamp, for the row.
        recall: Returns the known row of a content hash, which saves decoding, or None.
    """
    row = Measurement(locator, *stamp)
    try:
        data = source.read(locator)
        row = row._replace(content=content_of(data))
        if known := recall(row.content):
            return known._replace(locator=locator, **stamp._asdict())
        row = row._replace(format=format_of(data) if isinstance(data, bytes) else "array")
        return _measured(row, data, before_resizing(data, _TINT, at_least=_AT_LEAST))
    except RejectedPicture as rejection:
        if rejection.reason is Reason.MISSING:  # the file may return with its old stamp
            row = row._replace(**MISSING._asdict())
        return row._replace(status=rejection.reason.value, detail=rejection.detail)


def _measured(row: Measurement, data: bytes | Pixels, picture: Decoded) -> Measurement:
    whole = _gray(picture.pixels)
    thumbnail = resize(whole[:, :, None], _THUMBNAIL)
    gray = _shrunk(whole)
    colours = _thinned(picture.pixels)
    tint = np.asarray(cv2.cvtColor(resize(colours, _TINT), cv2.COLOR_RGB2YCrCb))[:, :, 1:]
    counts = np.bincount(gray.ravel(), minlength=256)
    darkest, dark, bright, brightest = percentiles(counts, (0.01, 0.05, 0.95, 0.99))
    brightness, contrast = _moments(counts)
    level, share = ground(counts)
    hashes = perceptual_hash(thumbnail[:, :, 0])
    return row._replace(
        pixels=_pixels_digest(picture),
        detail="; ".join(picture.notes),
        format=picture.format,
        width=picture.width,
        height=picture.height,
        orientation=picture.orientation,
        traits="; ".join(picture.traits),
        **shot_of(data)._asdict(),
        brightness=brightness,
        contrast=contrast,
        darkest=darkest,
        dark=dark,
        bright=bright,
        brightest=brightest,
        entropy=entropy(counts),
        sharpness=sharpness(gray, brightest - darkest),
        chroma=_chroma(colours),
        ground=share,
        letters=_letters(data, picture, whole, level) if share >= LEAST_GROUND else 0,
        true_side=true_side(whole),
        hash=hashes[0],
        mirrored_hash=hashes[1],
        thumbnail=thumbnail.tobytes(),
        tint=np.ascontiguousarray(tint).tobytes(),
    )


def _letters(data: bytes | Pixels, picture: Decoded, gray: Pixels, level: int) -> int:
    is_reduced = gray.shape != (picture.height, picture.width)
    if is_reduced and isinstance(data, bytes):  # small letters need every pixel
        gray = _gray(decode(data).pixels)
    return letters(gray, level)


def _gray(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def _shrunk(gray: Pixels) -> Pixels:
    """Shrink a picture to a shorter side of 128 pixels; smaller ones are returned unchanged."""
    height, width = gray.shape
    scale = _GRAY_SIDE / min(height, width)
    if scale >= 1:
        return gray
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def _thinned(pixels: Pixels) -> Pixels:
    """Sample every second, third … pixel of each axis, so that at least 64 remain."""
    step = max(1, min(pixels.shape[:2]) // _COLOUR_SIDE)
    return np.ascontiguousarray(pixels[::step, ::step])


def _moments(counts: NDArray[np.int64]) -> tuple[float, float]:
    """Return the mean and the standard deviation of levels from their histogram."""
    levels, count = np.arange(256.0), counts.sum()
    mean = float(levels @ counts / count)
    return mean, float(np.sqrt((levels - mean) ** 2 @ counts / count))


def percentiles(counts: NDArray[np.int64], shares: tuple[float, ...]) -> tuple[int, ...]:
    """Return the lowest levels that at least these shares of the pixels do not exceed.

    Args:
        counts: The pixels of each level, int64, shape `(256,)`.
        shares: From 0 to 1.
    """
    reached = np.cumsum(counts)
    return tuple(np.searchsorted(reached, np.array(shares) * reached[-1]).tolist())


def entropy(counts: NDArray[np.int64]) -> float:
    """Return Shannon's entropy of a histogram in bits."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def sharpness(gray: Pixels, contrast: int) -> float:
    """Return the steepness of the steepest edges: the 99.5th percentile of |Laplacian| / contrast.

    A sharp picture has sharp edges somewhere. The more usual variance of the Laplacian also calls
    sharp pictures of smooth things blurred. (On the course's cats and dogs, a blur of two pixels'
    standard deviation brings every picture below 0.13; unblurred, one in 500 is below 0.2.)

    Args:
        gray: uint8, shape `(height, width)`.
        contrast: The range of its levels, 1 to 255.
    """
    edges = np.asarray(cv2.convertScaleAbs(cv2.Laplacian(gray, cv2.CV_16S)))
    return percentiles(np.bincount(edges.ravel(), minlength=256), (0.995,))[0] / max(contrast, 1)


def _chroma(colours: Pixels) -> int:
    red, green, blue = cv2.split(colours)
    ranges = cv2.max(cv2.max(red, green), blue) - cv2.min(cv2.min(red, green), blue)
    return percentiles(np.bincount(np.asarray(ranges).ravel(), minlength=256), (0.99,))[0]


def _pixels_digest(picture: Decoded) -> str:
    """Return the XXH3 hash (128 bits) of the pixels, and the picture's size."""
    pixels = np.ascontiguousarray(picture.pixels)
    return f"{picture.width}x{picture.height} {xxhash.xxh3_128_hexdigest(pixels.data)}"
