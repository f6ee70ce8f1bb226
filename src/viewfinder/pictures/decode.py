"""Bytes → upright pixels, or one typed rejection: the only place that opens a picture.

**One rule for broken pictures.** If every row of pixels decodes, the picture is readable; a
missing end marker, junk after the end or damage in the middle is only a note. If not, it is
rejected as TRUNCATED with how much of it is there, unless truncated pictures are allowed. The
answer is the same whatever colour or size is asked for.
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
    """Decode a picture: JPEG, PNG, GIF, BMP, WebP or TIFF, told by content and not by name.

    The pixels stand upright (EXIF orientation applied), are composited on `background` where the
    picture is transparent, and have 8 bits. Of an animation they are the first frame.

    Args:
        data: The picture's bytes.
        color: "rgb" for three channels, "gray" for one (ITU-R 601 luma).
        background: What shows through transparency, as (red, green, blue), 0 to 255.
        at_least: An upright (height, width) down to which a JPEG may be decoded smaller, at 1/2,
            1/4 or 1/8, which is much faster. The picture is never enlarged, nor is any side
            decoded below it.
        allow_truncated: Give what is there of a truncated picture, with a note, instead of
            rejecting it; the missing rows are as the decoder leaves them. (Nothing is given
            where not even the header is there, nor for WebP, which decodes as a whole.)
        limits: What the picture may cost; checked before pixels are allocated.

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
