"""Missing data, found in the containers of all formats but JPEG without Pillow."""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from viewfinder.core.errors import Reason, RejectedPicture
from viewfinder.pictures.codecs.types import Limits, truncated

if TYPE_CHECKING:
    from PIL import Image

_PNG_START = 8
_PNG_HEADER = struct.Struct(">IIBBBBB")
_PNG_END = b"\0\0\0\0IEND\xae\x42\x60\x82"
_WEBP_START = 12
_TGA_HEADER_BYTES = 18
_PPM_HEADER = re.compile(rb"P[1-6](?:(?:\s|#[^\n]*\n)+\d+){2}\s")
_TIFF_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
# Pillow decodes run-length BMP and plain PPM in Python: about a microsecond per run or number.
_MAX_RLE_BYTES = 4 << 20
_PLAIN_PPM = (b"P1", b"P2", b"P3")
_MAX_PLAIN_BYTES = 16 << 20
_JPEG2000_END = b"\xff\xd9"
# These have no rows to count.
AS_A_WHOLE = frozenset({"webp", "jpeg2000", "avif", "heif"})
_CUT_OFF = ("truncated", "broken data stream", "not enough", "buffer", "decoder error", "decoding")


def check_before_opening(data: bytes, format: str, limits: Limits) -> None:
    """Reject a picture on which Pillow spends much memory or minutes while opening it."""
    if format == "webp" and (size := _webp_size(data)):
        limits.check_size(*size)
        limits.check_memory(size[0] * size[1] * 15)
    if format == "bmp" and len(data) > _MAX_RLE_BYTES and data[30:34] in (b"\1\0\0\0", b"\2\0\0\0"):
        raise RejectedPicture(Reason.TOO_LARGE, f"{len(data):,} bytes of run-length BMP")
    if format == "ppm" and len(data) > _MAX_PLAIN_BYTES and data.startswith(_PLAIN_PPM):
        raise RejectedPicture(Reason.TOO_LARGE, f"{len(data):,} bytes of PPM in plain text")


def mended(data: bytes, format: str) -> tuple[bytes, tuple[str, ...]]:
    """Return the data, completed where only the end is missing, and notes."""
    if format == "png":
        return _mended_png(data)
    if format == "webp":
        return _mended_webp(data)
    return data, ()


def cut_short(data: bytes, format: str) -> RejectedPicture | None:
    """Return the rejection of a picture that cannot be read because it ends too early."""
    if format in AS_A_WHOLE:
        declared = _declared_size(data, format)
        if len(data) < declared:
            percent = 100 * len(data) // declared
            return truncated(0, how=f", because only {percent} % of the bytes are")
        return None
    if _ends_in_header(data, format):
        return truncated(0, how=": it stops before the first")
    return None


def _declared_size(data: bytes, format: str) -> int:
    """Return how many bytes a picture without rows states to have."""
    if format == "webp":
        return 8 + int.from_bytes(data[4:8], "little")
    if format == "jpeg2000":
        return len(data) + (not data.endswith(_JPEG2000_END))
    end = 0
    while end + 8 <= len(data):  # the boxes of ISO's media files
        length = int.from_bytes(data[end : end + 4], "big")
        if length == 1:
            length = int.from_bytes(data[end + 8 : end + 16], "big")
        if length < 8:  # 0: to the end of the file
            return len(data)
        end += length
    return end if end >= len(data) else end + 8


def _ends_in_header(data: bytes, format: str) -> bool:
    match format:
        case "png":
            return not data.endswith(_PNG_END) and not any(
                k == b"IDAT" for k, *_ in png_chunks(data)
            )
        case "bmp":
            return len(data) < max(26, int.from_bytes(data[10:14], "little"))
        case "gif":
            return not data.endswith(b";")
        case "ppm":
            return _PPM_HEADER.match(data) is None
        case "tga":
            return len(data) < _TGA_HEADER_BYTES
        case "tiff":
            return len(data) < _tiff_directory_end(data)
        case _:
            return False


def _tiff_directory_end(data: bytes) -> int:
    """Return the offset at which a TIFF's first directory and its values end."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        start: int = struct.unpack_from(f"{order}I", data, 4)[0]
        count: int = struct.unpack_from(f"{order}H", data, start)[0]
        end = start + 2 + 12 * count
        for entry in range(start + 2, end, 12):
            _, kind, length, offset = struct.unpack_from(f"{order}HHII", data, entry)
            size = length * _TIFF_SIZES.get(kind, 1)
            end = max(end, offset + size if size > 4 else 0)
    except struct.error:
        return len(data) + 1
    return end


def is_cut_off(error: Exception) -> bool:
    """Whether Pillow's error means that data are missing."""
    return any(words in str(error) for words in _CUT_OFF)


def percent_of_rows(partial: "Image.Image", data: bytes, format: str) -> int:
    """Return the share of present rows in percent, rounded down and below 100.

    For PNG the rows are counted in the data. For other formats, rows that still have Pillow's fill
    value count as missing, including black rows at the break.
    """
    rows = partial.height
    present = _png_rows(data) if format == "png" else None
    if present is None:
        present = rows - _untouched_rows(partial)
    return 100 * min(present, rows - 1) // rows


def _untouched_rows(partial: "Image.Image") -> int:
    fill = partial.info.get("transparency", 0) if partial.mode == "P" else 0
    values = np.asarray(partial).reshape(partial.height, -1)
    written = np.flatnonzero((values != (fill if isinstance(fill, int) else 0)).any(axis=1))
    if not len(written):
        return partial.height
    # BMP stores rows from bottom to top.
    return int(max(written[0], partial.height - 1 - written[-1]))


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind, start and length of a PNG's chunks; the last may be incomplete."""
    position = _PNG_START
    while position + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        yield data[position + 4 : position + 8], position + 8, length
        position += 12 + length


def _mended_png(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    last_data = 0
    for kind, start, length in png_chunks(data):
        if kind == b"IEND":
            tail = data[start + length + 4 :]
            return data, ("extraneous data after the end",) if tail.strip(b"\0") else ()
        if kind == b"IDAT":
            last_data = start + length + 4
    if not 0 < last_data <= len(data):
        return data, ("missing end marker",)
    return data[:last_data] + _PNG_END, ("missing end marker",)


def _png_rows(data: bytes) -> int | None:
    """Count the complete rows; None for an interlaced PNG, which stores rows in seven passes."""
    header: tuple[int, ...] = _PNG_HEADER.unpack_from(data, 16)
    width, height, depth, color, _, _, interlaced = header
    if interlaced:
        return None
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(color, 1)
    row_bytes = 1 + (width * samples * depth + 7) // 8
    inflate = zlib.decompressobj()
    count = 0
    for kind, start, length in png_chunks(data):
        if kind != b"IDAT":
            continue
        waiting = data[start : start + length]
        try:
            while waiting and count < height * row_bytes:
                count += len(inflate.decompress(waiting, 1 << 20))
                waiting = inflate.unconsumed_tail
        except zlib.error:
            break
    return min(height, count // row_bytes)


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Return the canvas as (height, width), from the first chunk's header."""
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        return int.from_bytes(body[7:10], "little") + 1, int.from_bytes(body[4:7], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    width, height = struct.unpack("<HH", body[6:10])
    return height & 0x3FFF, width & 0x3FFF


def _mended_webp(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Drop an incomplete last chunk, unless it is the only one with pixels."""
    declared = 8 + int.from_bytes(data[4:8], "little")
    if len(data) > declared:
        return data[:declared], ("extraneous data after the end",)
    if len(data) == declared:
        return data, ()
    end = _WEBP_START
    while end + 8 <= len(data):
        length = int.from_bytes(data[end + 4 : end + 8], "little")
        if end + 8 + length > len(data):
            break
        end += 8 + length + length % 2
    mended = bytearray(data[:end].ljust(end, b"\0"))
    mended[4:8] = (end - 8).to_bytes(4, "little")
    has_pixels = any(chunk in mended for chunk in (b"VP8 ", b"VP8L", b"ANMF"))
    return (bytes(mended), ("missing end",)) if has_pixels else (data, ())
