"""Decoding of pictures to upright pixels; every picture of the package is decoded here.

**The rule for broken pictures.** A picture of which every row of pixels decodes is readable; a
missing end marker, data after the end or damage in the middle gives a note. Otherwise it is
rejected as TRUNCATED, with the share of its rows, unless truncated pictures are allowed. The
result does not depend on the requested colour and size.
"""

from viewfinder.core.errors import Reason, RejectedPicture
from viewfinder.pictures.codecs.jpeg import decode_jpeg
from viewfinder.pictures.codecs.magic import format_of
from viewfinder.pictures.codecs.rasters import decode_raster
from viewfinder.pictures.codecs.types import (
    Background,
    Color,
    Decoded,
    Limits,
    Pixels,
    Size,
    Wanted,
)

__all__ = ["Decoded", "Limits", "Pixels", "decode"]


def decode(
    data: bytes,
    *,
    color: Color = "rgb",
    background: Background = (255, 255, 255),
    at_least: Size | None = None,
    allow_truncated: bool = False,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
) -> Decoded:
    """Decode a picture: JPEG, PNG, GIF, BMP, WebP, TIFF, AVIF, JPEG 2000, PPM, PGM, PBM or TGA.

    The format is detected by content. HEIC needs the extra `heif`.

    The pixels are upright (EXIF orientation applied), composited on `background` where the picture
    is transparent, and have 8 bits. Of an animation they are the first frame.

    Args:
        data: The picture's bytes.
        color: "rgb" for three channels, "gray" for one (ITU-R 601 luma).
        background: The colour behind transparent pixels, as (red, green, blue), 0 to 255.
        at_least: An upright (height, width). A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size,
            which is much faster, as long as no side falls below.
        allow_truncated: Return the decoded part of a truncated picture, with a note, instead of
            rejecting it; missing rows are as the decoder leaves them. Without a header there is no
            such part, and none of WebP, AVIF, HEIF and JPEG 2000, which decode as a whole.
        limits: The limits on size and memory, checked before pixels are allocated.

    Raises:
        RejectedPicture: EMPTY, NOT_A_PICTURE, UNSUPPORTED, TRUNCATED, CORRUPT or TOO_LARGE. No
            input raises anything else.
    """
    limits.check_bytes(len(data))
    format = format_of(data)
    wanted = Wanted(color, background, at_least, allow_truncated, limits)
    try:
        if format == "jpeg":
            return decode_jpeg(data, wanted)
        return decode_raster(data, format, wanted)
    except MemoryError as error:
        raise RejectedPicture(Reason.TOO_LARGE, "there is not enough memory") from error
