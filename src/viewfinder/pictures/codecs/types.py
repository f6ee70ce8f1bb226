"""The records of a decoder's arguments and results."""

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
    """The limits on a picture, checked from its header before pixels are allocated.

    Attributes:
        max_pixels: Width × height. The default is Pillow's limit for decompression bombs.
        max_bytes: The size of the encoded picture.
        max_memory: The peak memory of decoding in bytes, as estimated from the header.
    """

    max_pixels: int = 178_956_970
    max_bytes: int = 256 * _MIB
    max_memory: int = 896 * _MIB

    def check_bytes(self, count: int) -> None:
        """Reject a file of too many bytes."""
        if count > self.max_bytes:
            raise _too_large(f"{count:,} bytes; the limit is {self.max_bytes:,}")

    def check_size(self, height: int, width: int) -> None:
        """Reject a picture of too many pixels."""
        if height * width > self.max_pixels:
            raise _too_large(
                f"{width} × {height} is {height * width:,} pixels; the limit is {self.max_pixels:,}"
            )

    def check_memory(self, count: int) -> None:
        """Reject a picture whose decoding takes too many bytes."""
        if count > self.max_memory:
            raise _too_large(
                f"decoding would take {count // _MIB:,} MiB of memory; "
                f"the limit is {self.max_memory // _MIB:,} MiB"
            )


class Wanted(NamedTuple):
    """The arguments of `viewfinder.pictures.decode.decode`, without the data."""

    color: Color
    background: Background
    at_least: Size | None
    allow_truncated: bool
    limits: Limits


class Decoded(NamedTuple):
    """An upright picture.

    Attributes:
        pixels: uint8, shape `(height, width, channels)`; smaller than the file's own size if
            `at_least` allows it.
        format: "jpeg", "png", "gif", "bmp", "webp", "tiff", "heif", "avif", "ppm" (also PGM and
            PBM), "jpeg2000", "tga", or "array" for pixels given as an array.
        width: Upright width in the file, in pixels.
        height: Upright height in the file, in pixels.
        orientation: The EXIF orientation of the file, 1 to 8; `pixels` are upright already.
        notes: Harmless faults of the file, such as "missing end marker".
        traits: How the file's pixels differ from plain 8-bit RGB or gray: "CMYK", "16-bit",
            "12 of 16 bits" (or other numbers), "transparent", "opaque alpha", "several
            frames". For information only.
    """

    pixels: Pixels
    format: str
    width: int
    height: int
    orientation: int = 1
    notes: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()


def truncated(percent: int, how: str = "") -> RejectedPicture:
    """Return the rejection of a picture that has only `percent` of its rows."""
    return RejectedPicture(
        Reason.TRUNCATED,
        f"{percent} % of the rows are there{how}",
        remedy="obtain the whole file again, or allow truncated pictures",
    )


def _too_large(detail: str) -> RejectedPicture:
    return RejectedPicture(Reason.TOO_LARGE, detail, remedy="shrink the picture, or raise Limits")
