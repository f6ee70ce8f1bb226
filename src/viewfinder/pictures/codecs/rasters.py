"""All formats but JPEG through Pillow; HEIF with the extra `heif`."""

import importlib
import io
import re
import struct
from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from viewfinder.core.errors import Reason, RejectedPicture
from viewfinder.pictures.codecs import containers
from viewfinder.pictures.codecs.depth import depth_of, require_black, to_eight_bits
from viewfinder.pictures.codecs.exif import orientation_of, upright, valid
from viewfinder.pictures.codecs.magic import unsupported
from viewfinder.pictures.codecs.quiet import quiet_libtiff, quiet_pillow
from viewfinder.pictures.codecs.types import Background, Color, Decoded, Pixels, Wanted, truncated

if TYPE_CHECKING:
    from PIL import Image


def traits_of(opened: Any, loaded: "Image.Image", deep: str) -> tuple[str, ...]:
    """Return how the pixels differ from plain 8-bit RGB or gray.

    Args:
        opened: The file as Pillow opened it, with its metadata.
        loaded: The image with its pixels.
        deep: The trait of samples of more than 8 bits, or "".

    Returns:
        Some of "CMYK", "16-bit" (or "12 of 16 bits" …), "transparent" or "opaque alpha",
        "several frames".
    """
    has_alpha = loaded.has_transparency_data
    applies = {
        deep: bool(deep),
        "CMYK": loaded.mode == "CMYK",
        "transparent" if has_alpha and _shows_through(loaded) else "opaque alpha": has_alpha,
        "several frames": _has_several_frames(opened),
    }
    return tuple(trait for trait in applies if applies[trait])


def _shows_through(loaded: "Image.Image") -> bool:
    """Whether any pixel is not opaque; without a copy, because the picture may be large."""
    if "transparency" in loaded.info:  # a declared colour or palette entry is assumed to be used
        return True
    extrema = cast(tuple[tuple[int, int], ...], loaded.getextrema())
    return extrema[-1][0] < 255


def _has_several_frames(opened: Any) -> bool:
    try:
        return bool(opened.is_animated)
    except Exception:  # a broken later frame does not affect the first
        return False


# Pillow's bytes per pixel; 4 in every other mode.
_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
_BEYOND_PILLOW = re.compile(r"unknown pixel mode|[Uu]nsupported|not supported|unknown data org")
_NUMBER = re.compile(r"\d+")
_ORIENTATION = 0x0112
INSTALL_HEIF = 'pip install "viewfinder[heif]"'
# What a build of Pillow may lack.
_FEATURES = {"avif": ("avif", "AVIF"), "jpeg2000": ("jpg_2000", "JPEG 2000")}
_STRIP_PIXELS = 1 << 22
# WebP's decoder keeps two RGBA canvases, and its output is copied once; OpenJPEG keeps 4 bytes a
# sample, twice.
_DECODER_BYTES_PER_PIXEL = {"webp": 12, "avif": 12, "jpeg2000": 32}


def decode_raster(data: bytes, format: str, wanted: Wanted) -> Decoded:
    """Decode one picture of another format than JPEG: the first of several frames or pages.

    Raises:
        RejectedPicture: TRUNCATED, CORRUPT, UNSUPPORTED or TOO_LARGE.
    """
    from PIL import Image

    _require_reader(format)
    containers.check_before_opening(data, format, wanted.limits)
    try:
        with quiet_pillow():
            return _decode(data, format, wanted)
    except (RejectedPicture, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        count, most = int(_NUMBER.findall(str(error))[0]), wanted.limits.max_pixels
        words = f"{count:,} pixels; the limit is {most:,}"
        raise RejectedPicture(Reason.TOO_LARGE, words) from error
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged data
        raise RejectedPicture(Reason.CORRUPT, _one_line(error)) from error


def _decode(data: bytes, format: str, wanted: Wanted) -> Decoded:
    whole, notes = containers.mended(data, format)
    image = _open(whole, format)
    wanted.limits.check_size(image.height, image.width)
    depth = depth_of(image, whole)
    require_black(depth, image.mode)
    wanted.limits.check_memory(_memory(image, format, depth.bits))
    height, width = image.height, image.width
    orientation = _tiff_orientation(image)
    loaded, missing = _load(image, whole, format)
    if missing and not wanted.allow_truncated:
        raise missing
    if missing:
        notes += (f"truncated: {missing.detail}",)
    loaded, deep = to_eight_bits(loaded, depth, whole)
    if orientation is None:
        orientation = 1 if format == "heif" else _orientation(image)
        if orientation >= 5:
            height, width = width, height
        pixels = upright(_to_pixels(loaded, wanted.color, wanted.background), orientation)
    else:
        pixels = _to_pixels(loaded, wanted.color, wanted.background)
        if missing:  # Pillow turns a TIFF itself, but only a complete one
            pixels = upright(pixels, orientation)
    notes += _notes(image)
    traits = traits_of(image, loaded, deep)
    return Decoded(pixels, format, width, height, orientation, notes, traits)


def array_to_pixels(array: Pixels, color: Color, background: Background) -> Pixels:
    """Convert an array's colours as those of a decoded picture.

    Args:
        array: uint8, shape `(height, width, channels)`; 1 is gray, 3 RGB, 4 RGBA.
        color: "rgb" or "gray".
        background: The colour behind transparent pixels.
    """
    if array.shape[2] == (3 if color == "rgb" else 1):
        return array
    from PIL import Image

    image = Image.fromarray(array.squeeze(2) if array.shape[2] == 1 else array)
    return _to_pixels(image, color, background)


def _open(data: bytes, format: str) -> "Image.Image":
    from PIL import Image

    try:
        return Image.open(io.BytesIO(data), formats=[format.upper()])
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        if short := containers.cut_short(data, format):
            raise short from error
        why = _why_unidentified(data, format)
        if _BEYOND_PILLOW.search(why):
            raise unsupported(
                f"a kind of {format.upper()} that is not supported ({why})"
            ) from error
        raise RejectedPicture(Reason.CORRUPT, f"a damaged header ({why})") from error


def _why_unidentified(data: bytes, format: str) -> str:
    """Return the message of the format's reader, which `Image.open` discards."""
    from PIL import Image

    try:
        Image.OPEN[format.upper()][0](io.BytesIO(data), "")
    except Exception as error:  # only quoted
        return _one_line(error)
    return "no reason given"


def _load(
    image: "Image.Image", data: bytes, format: str
) -> tuple["Image.Image", RejectedPicture | None]:
    """Return the loaded image, and the rejection if rows are missing."""
    try:
        with quiet_libtiff() if format == "tiff" else nullcontext():
            image.load()
        return image, None
    except (OSError, ValueError, SyntaxError, IndexError, EOFError) as error:
        if format in containers.AS_A_WHOLE:
            raise containers.cut_short(data, format) or error from error
        partial = _partial(image)
        if partial is None or not containers.is_cut_off(error):
            raise
        return partial, truncated(containers.percent_of_rows(partial, data, format))


def _partial(image: Any) -> "Image.Image | None":
    """Return the part that Pillow decoded before its error; missing rows keep its fill value."""
    core = image._im
    return image._new(core) if core is not None else None


def _to_pixels(image: "Image.Image", color: Color, background: Background) -> Pixels:
    """Convert to RGB or gray pixels, in strips, which saves a second copy of a large picture."""
    channels = 3 if color == "rgb" else 1
    pixels = np.empty((image.height, image.width, channels), np.uint8)
    for top, bottom in _strips(image):
        strip = image
        if (top, bottom) != (0, image.height):
            strip = image.crop((0, top, image.width, bottom))
        converted = np.asarray(_to_color(strip, color, background))
        pixels[top:bottom] = converted.reshape(bottom - top, image.width, channels)
    return pixels


def _strips(image: "Image.Image") -> Iterator[tuple[int, int]]:
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield top, min(top + rows, image.height)


def _to_color(image: "Image.Image", color: Color, background: Background) -> "Image.Image":
    """Convert an image to mode RGB or L, composited on the background where it is transparent."""
    if image.has_transparency_data:
        from PIL import Image

        canvas = Image.new("RGBA", image.size, (*background, 255))
        canvas.alpha_composite(image.convert("RGBA"))
        image = canvas
    if image.mode in ("P", "LAB") and color == "gray":
        image = image.convert("RGB")
    return image.convert("RGB" if color == "rgb" else "L")


def _memory(image: "Image.Image", format: str, bits: int) -> int:
    """Estimate the peak memory in bytes: Pillow's pixels, the result, and a turned copy of it."""
    per_pixel = _BYTES_PER_PIXEL.get(image.mode, 4) + 3
    if bits > 8:
        per_pixel += 16
    if "exif" in image.info or format == "tiff":
        per_pixel += 3
    per_pixel += _DECODER_BYTES_PER_PIXEL.get(format, 0)
    return image.height * image.width * per_pixel


def _tiff_orientation(image: Any) -> int | None:
    """Return a TIFF's orientation; None for the formats that Pillow does not turn by itself."""
    tags = getattr(image, "tag_v2", None)
    return None if tags is None else valid(tags.get(_ORIENTATION))


def _orientation(image: "Image.Image") -> int:
    try:
        return valid(image.getexif().get(_ORIENTATION))
    except Exception:  # damaged metadata do not reject a picture
        return orientation_of(b"")


def _notes(image: Any) -> tuple[str, ...]:
    """Return the notes on a decoded picture."""
    notes = ("CMYK converted to RGB",) if image.mode == "CMYK" else ()
    if not _has_several_frames(image):
        return notes
    # To count the frames of GIF and TIFF, Pillow reads all of them.
    count = f"{image.n_frames}" if image.format in ("PNG", "WEBP") else "several"
    return (*notes, f"first frame of {count}")


def _require_reader(format: str) -> None:
    """Raise UNSUPPORTED for a format whose reader is not installed."""
    if format == "heif":
        try:
            importlib.import_module("pillow_heif").register_heif_opener()
        except ImportError:
            raise unsupported(
                f"HEIC and HEIF pictures need another package: {INSTALL_HEIF}", remedy=INSTALL_HEIF
            ) from None
    from PIL import features

    feature, name = _FEATURES.get(format, ("", ""))
    if feature and not features.check(feature):
        raise unsupported(f"this build of Pillow does not read {name} pictures")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
