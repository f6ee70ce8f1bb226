"""Samples of more than 8 bits: which of them is white, and their conversion to 8 bits.

White is the largest sample of as many bits as are used. A file may state how many those are (PNG's
`sBIT`, TIFF's `MaxSampleValue`); many state 16 and hold 12 bits from a camera, or 8. So a picture
whose samples all fit into 12 or 8 bits is read as one of 12 or 8 bits: taken for 16, it would have
16 levels, all nearly black.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import RejectedPicture
from viewfinder.pictures.codecs.containers import png_chunks
from viewfinder.pictures.codecs.magic import unsupported
from viewfinder.pictures.codecs.quiet import quiet_libtiff
from viewfinder.pictures.codecs.types import Pixels

if TYPE_CHECKING:
    from PIL import Image

_DEEP_GRAY = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
# The numbers of bits that are used without being stated, beside all of them.
_USUAL = (8, 12)
_COLORS = {"RGB": 3, "RGBA": 3, "LA": 1}
# The offset of the bits per sample in a PNG.
_PNG_DEPTH = 24
# Tags of TIFF.
_BITS_PER_SAMPLE, _PHOTOMETRIC, _LARGEST, _SAMPLE_FORMAT = 258, 262, 281, 339
_WHITE_IS_ZERO, _SIGNED = 0, 2


class Depth(NamedTuple):
    """The samples of a file.

    Attributes:
        bits: The bits of each.
        used: How many of them the file states to be used; None if it states none.
        inverted: Whether 0 is white.
        signed: Whether they may be negative.
    """

    bits: int
    used: int | None = None
    inverted: bool = False
    signed: bool = False

    def white(self, peak: int) -> tuple[int, int]:
        """Return how many bits are used, and the white sample, given the largest one."""
        stated = (self.used,) if self.used else ()
        used = next((n for n in (*stated, *_USUAL) if n < self.bits and peak < 1 << n), self.bits)
        return used, (1 << used) - 1


def depth_of(opened: Any, data: bytes) -> Depth:
    """Return the depth of a file that Pillow has opened."""
    if opened.format == "PNG":
        return Depth(data[_PNG_DEPTH], _png_used(data))
    if opened.format == "TIFF":
        tags = opened.tag_v2
        bits, formats = _numbers(tags, _BITS_PER_SAMPLE), _numbers(tags, _SAMPLE_FORMAT)
        largest = max(_numbers(tags, _LARGEST), default=0)
        return Depth(
            max(bits, default=1),
            largest.bit_length() if largest and not largest & (largest + 1) else None,
            inverted=_WHITE_IS_ZERO in _numbers(tags, _PHOTOMETRIC)[:1],
            signed=_SIGNED in formats,
        )
    is_deep = opened.mode in _DEEP_GRAY or (opened.format == "PPM" and opened.mode == "I")
    return Depth(16 if is_deep else 8)


def require_black(depth: Depth, mode: str) -> None:
    """Raise UNSUPPORTED for samples that define neither black nor white."""
    if depth.signed:
        raise _without_white("signed samples")
    if mode == "F" or (mode == "I" and depth.bits != 16):
        raise _without_white("samples of 32 bits")


def to_eight_bits(image: "Image.Image", depth: Depth, data: bytes) -> tuple["Image.Image", str]:
    """Return the image with samples of 8 bits, and the trait that it had more; "" if it had not.

    Args:
        image: The loaded image. Pillow keeps gray of 16 bits, and the upper 8 of other samples.
        depth: The file's.
        data: The file's bytes, which are decoded again if colours use only the lower bits.
    """
    from PIL import Image

    if image.mode in _DEEP_GRAY or image.mode == "I":
        levels = np.asarray(image).astype(np.uint16, copy=False)
        used, white = depth.white(int(levels.max()))
        gray = Image.fromarray(_scaled(levels, white, inverted=depth.inverted))
        transparent = image.info.get("transparency")
        if isinstance(transparent, int):
            gray.putalpha(Image.fromarray(np.where(levels == transparent, 0, 255).astype(np.uint8)))
        return gray, _trait(used, depth.bits)
    if depth.bits != 16:
        return image, ""
    count = _COLORS.get(image.mode, 0)
    upper = np.asarray(image)[:, :, :count]
    peak = (int(upper.max(initial=255 if not count else 0)) << 8) + 255
    if depth.white(peak)[0] == 16:
        return image, _trait(16, 16)
    samples = _all_bits(data, upper)
    if samples is None:
        return image, _trait(16, 16)
    used, white = depth.white(int(samples.max()))
    scaled = Image.fromarray(_scaled(samples, white).squeeze())
    if image.mode in ("RGBA", "LA"):
        scaled.putalpha(image.getchannel("A"))
    scaled.info = image.info
    return scaled, _trait(used, 16)


def _trait(used: int, bits: int) -> str:
    return f"{bits}-bit" if used == bits else f"{used} of {bits} bits"


def _scaled(samples: NDArray[np.uint16], white: int, *, inverted: bool = False) -> Pixels:
    levels = np.arange(1 << 16, dtype=np.int64)
    table = np.minimum((2 * 255 * levels + white) // (2 * white), 255).astype(np.uint8)
    return np.take(255 - table if inverted else table, samples)


def _all_bits(data: bytes, upper: Pixels) -> NDArray[np.uint16] | None:
    """Decode the colours with all bits; None unless the upper ones are as Pillow read them."""
    with quiet_libtiff():
        read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if read is None or read.dtype != np.uint16:
        return None
    count = upper.shape[2]
    colors = read.reshape(*read.shape[:2], -1)[:, :, :3][:, :, ::-1][:, :, :count]
    if colors.shape != upper.shape or (colors >> 8 != upper).any():
        return None
    return np.ascontiguousarray(colors, np.uint16)


def _png_used(data: bytes) -> int | None:
    """Return the most bits that an `sBIT` chunk states for a color; None without the chunk."""
    color_type = data[_PNG_DEPTH + 1]
    for kind, start, length in png_chunks(data):
        if kind == b"sBIT":
            stated = data[start : start + min(length, 3 if color_type & 2 else 1)]
            return max(stated, default=0) or None
        if kind == b"IDAT":
            break
    return None


def _numbers(tags: Any, tag: int) -> tuple[int, ...]:
    value = tags.get(tag, ())
    values = value if isinstance(value, tuple) else (value,)
    return tuple(number for number in values if isinstance(number, int))


def _without_white(what: str) -> RejectedPicture:
    return unsupported(
        f"{what} define neither black nor white", remedy="scale them to 8 bits, and save as PNG"
    )
