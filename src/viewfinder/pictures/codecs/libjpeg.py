"""libjpeg-turbo through `simplejpeg`, and through Pillow for chroma sampling that it refuses."""

import io

import numpy as np
import simplejpeg

from viewfinder.pictures.codecs.quiet import quiet_pillow
from viewfinder.pictures.codecs.types import Pixels, Size

# The color space in which nothing is converted, by the number of components.
COLORSPACES = {1: "GRAY", 3: "RGB", 4: "CMYK"}

# TurboJPEG supports seven chroma subsamplings; libjpeg itself reads any.
ODD_SAMPLING = "Could not determine subsampling"


def read(data: bytes, colorspace: str, size: Size, *, strict: bool = False) -> Pixels:
    """Decode a JPEG whose header has passed the size limits.

    Args:
        data: The JPEG.
        colorspace: "RGB", "GRAY" or, for a JPEG of four components, "CMYK".
        size: The (height, width) to decode to: the file's over 1, 2, 4 or 8, rounded up.
        strict: Raise libjpeg's first warning as an error.

    Returns:
        Pixels of that size, or of the full size for an unusual chroma sampling.

    Raises:
        ValueError: libjpeg's message; in strict mode, always for an unusual chroma sampling.
    """
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(
            data,
            colorspace,
            min_height=size[0],
            min_width=size[1],
            strict=strict,
        )
    except ValueError as error:
        if strict or ODD_SAMPLING not in str(error):
            raise
        return _read_with_pillow(data, colorspace)
    return pixels


def _read_with_pillow(data: bytes, colorspace: str) -> Pixels:
    """Decode to the full size; an end marker is added, as Pillow requires one."""
    from PIL import Image, UnidentifiedImageError

    try:
        with quiet_pillow():
            image = Image.open(io.BytesIO(data + b"\xff\xd9"), formats=["JPEG"])
            pixels: Pixels = np.array(image.convert({"GRAY": "L"}.get(colorspace, colorspace)))
    except UnidentifiedImageError as error:  # its message is an address in memory
        raise ValueError("unusual chroma sampling, and a damaged header") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"unusual chroma sampling, and a damaged picture ({error})") from error
    if colorspace == "CMYK":  # Pillow inverts Adobe's values; libjpeg does not
        pixels = 255 - pixels
    return pixels.reshape(*pixels.shape[:2], -1)
