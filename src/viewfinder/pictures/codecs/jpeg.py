"""JPEG through libjpeg-turbo (`simplejpeg`).

libjpeg fills missing data with gray and only warns. In strict mode `simplejpeg` turns the first
warning into an error, so a picture that decodes strictly is complete, at no extra cost. For any
other, `scans` finds which rows are missing.

`simplejpeg` is as fast as OpenCV's reduced decoding at 1/2, 1/4 and 1/8 of the size
(`benchmarks/decode.py`), releases the GIL, and prints nothing to stderr for damaged pictures,
unlike OpenCV.
"""

import re
import struct
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from viewfinder.core.errors import Reason, RejectedPicture
from viewfinder.pictures.codecs import libjpeg, scans
from viewfinder.pictures.codecs.exif import orientation_of, upright
from viewfinder.pictures.codecs.magic import unsupported
from viewfinder.pictures.codecs.rasters import array_to_pixels
from viewfinder.pictures.codecs.types import Decoded, Pixels, Size, Wanted, truncated

_BEYOND_LIBJPEG = re.compile(r"[Uu]nsupported|not supported|not implemented|precision")

_FRAME = struct.Struct(">BHHB")
_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"


class _Header(NamedTuple):
    """The header, before the first scan."""

    height: int
    width: int
    components: int
    frame: int
    orientation: int

    @property
    def turned(self) -> bool:
        """Whether upright width and height are the file's height and width."""
        return self.orientation >= 5

    @property
    def upright_size(self) -> Size:
        """The (height, width) of the upright picture."""
        return (self.width, self.height) if self.turned else (self.height, self.width)


def decode_jpeg(data: bytes, wanted: Wanted) -> Decoded:
    """Decode one JPEG.

    Raises:
        RejectedPicture: TRUNCATED, CORRUPT, UNSUPPORTED or TOO_LARGE.
    """
    header = _read_header(data)
    wanted.limits.check_size(header.height, header.width)
    size = _decoded_size(header, wanted.at_least)
    wanted.limits.check_memory(_memory(header, size))
    if header.frame in scans.PROGRESSIVE:
        scans.check_count(data, header.height * header.width)
    read = partial(libjpeg.read, colorspace=_colorspace(header, wanted), size=size)
    notes: tuple[str, ...]
    try:
        pixels = read(data, strict=True)
        notes = () if data.endswith(b"\xff\xd9") else scans.notes_on_tail(data)
    except ValueError as fault:
        pixels, notes = _read_suspect(data, read, str(fault), wanted)
    if header.components == 4:
        pixels = _from_inverted_cmyk(pixels, wanted)
        notes += ("CMYK converted to RGB",)
    pixels = array_to_pixels(pixels, wanted.color, wanted.background)
    pixels = upright(pixels, header.orientation)
    height, width = header.upright_size
    traits = ("CMYK",) if header.components == 4 else ()
    return Decoded(pixels, "jpeg", width, height, header.orientation, notes, traits)


def _read_suspect(
    data: bytes, read: Callable[..., Pixels], fault: str, wanted: Wanted
) -> tuple[Pixels, tuple[str, ...]]:
    """Decode a JPEG that libjpeg warns about, or reject it."""
    structure = scans.examine(data)
    if not structure.scans:
        raise _broken(structure, fault)
    try:
        pixels = _read_mended(structure.whole, read)
    except ValueError as error:
        if _BEYOND_LIBJPEG.search(str(error)):
            raise unsupported(f"a kind of JPEG that is not supported ({error})") from None
        raise RejectedPicture(Reason.CORRUPT, str(error)) from None
    notes, missing = scans.missing_rows(structure, fault)
    if missing is None:
        return pixels, notes
    if not wanted.allow_truncated:
        raise missing
    return pixels, (*notes, f"truncated: {missing.detail}")


def _read_mended(data: bytes, read: Callable[..., Pixels]) -> Pixels:
    """Decode a JPEG in spite of warnings.

    Raises:
        ValueError: libjpeg's error. TurboJPEG hides one that follows a warning, and its pixels are
            then incomplete.
    """
    try:
        return read(data, strict=True)
    except ValueError as fault:
        if not scans.is_warning(str(fault)) and libjpeg.ODD_SAMPLING not in str(fault):
            raise
    return read(data, strict=False)


def _broken(structure: scans.Structure, detail: str) -> RejectedPicture:
    """Return the rejection of a JPEG without any scan, as truncated or as corrupt."""
    if structure.ended:
        return RejectedPicture(Reason.CORRUPT, detail)
    return truncated(0, how=": it stops before the first")


def _read_header(data: bytes) -> _Header:
    exif, xmp, frame = b"", b"", None
    for marker, start, end in scans.segments(data):
        if marker == 0xE1:
            payload = data[start:end]
            if payload.startswith(_EXIF):
                exif += payload[len(_EXIF) :]
            elif payload.startswith(_XMP):
                xmp = payload[len(_XMP) :]
        elif marker in scans.FRAMES:
            if frame is not None:
                raise RejectedPicture(Reason.CORRUPT, "it has two frame headers")
            frame = marker, start, end
    if frame is None:
        raise _broken(scans.examine(data), "no frame header")
    marker, start, end = frame
    if end - start < _FRAME.size:
        raise _broken(scans.examine(data), "a damaged frame header")
    precision, height, width, components = _FRAME.unpack_from(data, start)
    if precision != 8 or components not in (1, 3, 4):
        raise unsupported(f"a JPEG of {components} components of {precision} bits")
    if height == 0 or width == 0:
        raise RejectedPicture(Reason.CORRUPT, f"its header states {width} × {height} pixels")
    orientation = orientation_of(exif, xmp) if exif or xmp else 1
    return _Header(height, width, components, marker, orientation)


def _colorspace(header: _Header, wanted: Wanted) -> str:
    """Return the color space to decode to; libjpeg converts no CMYK and no lossless JPEG."""
    if header.components == 4 or header.frame in scans.LOSSLESS:
        return libjpeg.COLORSPACES[header.components]
    return "GRAY" if wanted.color == "gray" else "RGB"


def _decoded_size(header: _Header, at_least: Size | None) -> Size:
    """Return the smallest size, among 1, 1/2, 1/4 and 1/8, that is not below `at_least`.

    libjpeg supports every eighth, but only halving has SIMD code; other scales cost more time than
    they save. It writes a lossless JPEG at its full size whatever the scale, past the end of a
    smaller buffer.
    """
    if at_least and header.frame not in scans.LOSSLESS:
        height, width = reversed(at_least) if header.turned else at_least
        for divisor in (8, 4, 2):
            scaled = -(-header.height // divisor), -(-header.width // divisor)
            if scaled[0] >= height and scaled[1] >= width:
                return scaled
    return header.height, header.width


def _memory(header: _Header, size: Size) -> int:
    """Estimate the peak memory: the output, its copies, and progressive coefficients.

    Copies are turned, or, of a damaged lossless JPEG, compared at full size.
    """
    channels = 8 if header.components == 4 else 3
    copies = 4 if header.frame in scans.LOSSLESS else 2 if header.orientation > 1 else 1
    coefficients = 2 * header.components if header.frame in scans.PROGRESSIVE else 0
    return size[0] * size[1] * channels * copies + header.height * header.width * coefficients


def _from_inverted_cmyk(pixels: Pixels, wanted: Wanted) -> Pixels:
    """Convert CMYK to RGB or gray; values are inverted, as Adobe writes and Pillow assumes them."""
    from PIL import Image

    image = Image.frombuffer("CMYK", pixels.shape[1::-1], (255 - pixels).tobytes())
    image = image.convert("RGB")
    converted: Pixels = np.asarray(image if wanted.color == "rgb" else image.convert("L"))
    return converted.reshape(*converted.shape[:2], -1)
