"""Pictures small enough to be embedded in a page."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Pictures up to this side are shown pixel by pixel, and kept without loss.
_TINY = 64


@dataclass(frozen=True, slots=True, eq=False)
class Thumbnail:
    """A shrunk picture.

    Attributes:
        pixels: uint8 RGB, `(height, width, 3)`, or None when the file is missing.
        address: The picture as a `data:` URL, or None.
        width: In pixels of the thumbnail; 0 when the file is missing.
        height: Like `width`.
        tiny: Whether the picture is shown enlarged, with its pixels visible.
    """

    pixels: NDArray[np.uint8] | None
    address: str | None
    width: int
    height: int
    tiny: bool


def thumbnail(picture: NDArray[np.uint8] | None, side: int) -> Thumbnail:
    """Shrink a picture to at most `side` pixels each way; it is never enlarged here.

    Args:
        picture: Upright uint8 RGB, `(height, width, 3)`, or None when the file is missing.
        side: The longest side of the thumbnail, in pixels.
    """
    if picture is None:
        return Thumbnail(None, None, 0, 0, tiny=False)
    image = Image.fromarray(np.ascontiguousarray(picture)).convert("RGB")
    tiny = max(image.size) <= _TINY
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return Thumbnail(np.asarray(image), _address(image, tiny), *image.size, tiny=tiny)


def _address(image: Image.Image, lossless: bool) -> str:
    stream = io.BytesIO()
    if lossless:
        image.save(stream, "PNG", optimize=True)
    else:
        image.save(stream, "JPEG", quality=75, optimize=True)
    kind = "png" if lossless else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
