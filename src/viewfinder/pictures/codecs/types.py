"""The records that go into a decoder and come out of it."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import Reason, RejectedPicture

Pixels = NDArray[np.uint8]
"""Pixels, uint8, shape `(height, width, channels)`; channels is 3 (RGB) or 1 (gray)."""

Color = Literal["rgb", "gray"]
Background = tuple[int, int, int]
Size = tuple[int, int]
"""A size as (height, width), in pixels."""

_MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What a picture may cost at most; checked from its header, before pixels are allocated.

    Attributes:
        max_pixels: Width × height. The default is where Pillow, too, sees a decompression bomb.
        max_bytes: Size of the encoded picture.
        max_memory: Bytes that decoding would take at its peak, as estimated from the header.
    """

    max_pixels: int = 178_956_970
    max_bytes: int = 256 * _MIB
    max_memory: int = 896 * _MIB

    def check_bytes(self, count: int) -> None:
        """Refuse a file of `count` bytes if that is too many."""
        if count > self.max_bytes:
            raise _too_large(f"{count:,} bytes; the limit is {self.max_bytes:,}")

    def check_size(self, height: int, width: int) -> None:
        """Refuse a picture with too many pixels."""
        if height * width > self.max_pixels:
            raise _too_large(
                f"{width} × {height} is {height * width:,} pixels; the limit is {self.max_pixels:,}"
            )

    def check_memory(self, count: int) -> None:
        """Refuse a picture whose decoding would take `count` bytes if that is too many."""
        if count > self.max_memory:
            raise _too_large(
                f"decoding would take {count // _MIB:,} MiB of memory; "
                f"the limit is {self.max_memory // _MIB:,} MiB"
            )


class Wanted(NamedTuple):
    """How the caller wants a picture decoded; see `viewfinder.pictures.decode.decode`."""

    color: Color
    background: Background
    at_least: Size | None
    allow_truncated: bool
    limits: Limits


class Decoded(NamedTuple):
    """An upright picture.

    Attributes:
        pixels: uint8, shape `(height, width, channels)`; smaller than the file's own size if
            `at_least` allowed it.
        format: What the bytes are: "jpeg", "png", "gif", "bmp", "webp", "tiff", "heif", "avif";
            "array" for pixels that came as an array.
        width: Upright width in the file, in pixels.
        height: Upright height in the file, in pixels.
        orientation: EXIF orientation of the file, 1 to 8; `pixels` already are upright.
        notes: What was odd but did not matter, e.g. "missing end marker".
        traits: How the file's pixels differ from plain 8-bit RGB or gray: "CMYK", "16-bit",
            "transparent", "opaque alpha", "several frames". For people; pixels do not depend on it.
    """

    pixels: Pixels
    format: str
    width: int
    height: int
    orientation: int = 1
    notes: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()


def truncated(percent: int, how: str = "") -> RejectedPicture:
    """The rejection of a picture of which only `percent` of the rows are there."""
    return RejectedPicture(
        Reason.TRUNCATED,
        f"{percent} % of the rows are there{how}",
        remedy="get the whole file again, or allow truncated pictures",
    )


def _too_large(detail: str) -> RejectedPicture:
    return RejectedPicture(Reason.TOO_LARGE, detail, remedy="shrink the picture, or raise Limits")
