"""From a picture to a model's input, for store, training, prediction and evaluation alike.

Equal pictures and equal `Preprocessing` give equal pixels in each of them.
"""

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import UsageError
from viewfinder.pictures.codecs.rasters import array_to_pixels
from viewfinder.pictures.codecs.types import Size
from viewfinder.pictures.decode import Decoded, Limits, decode
from viewfinder.pictures.isolate import isolate
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.pictures.resize import crop, resize


def prepare(
    source: bytes | NDArray[np.uint8],
    preprocessing: Preprocessing,
    *,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
    allow_truncated: bool = False,
) -> Decoded:
    """Prepare a picture as a model's input.

    Args:
        source: The bytes of a picture, or its upright pixels: uint8, shape `(height, width)`,
            `(height, width, 1)`, `(height, width, 3)` RGB or `(height, width, 4)` RGBA.
        preprocessing: The size, colour, background and resize policy.
        limits: The limits on size and memory.
        allow_truncated: Use the decoded part of a truncated picture.

    Returns:
        The picture with `pixels` of shape `preprocessing.shape`; `width` and `height` are those
        of the source.

    Raises:
        RejectedPicture: The bytes have no usable pixels; see `decode`.
        UsageError: The array has another shape or type.
    """
    picture = before_resizing(
        source,
        preprocessing,
        # Sufficient for each policy: none enlarges a picture with both sides of at least this size.
        at_least=(preprocessing.height, preprocessing.width),
        limits=limits,
        allow_truncated=allow_truncated,
    )
    return picture._replace(pixels=resize(picture.pixels, preprocessing))


def before_resizing(
    source: bytes | NDArray[np.uint8],
    preprocessing: Preprocessing,
    *,
    at_least: Size,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
    allow_truncated: bool = False,
) -> Decoded:
    """Prepare a picture as a model's input, except for resizing.

    Args:
        source: As for `prepare`.
        preprocessing: Its height, width and resize policy have no effect.
        at_least: The (height, width) that is sufficient; see `decode`.
        limits: As for `prepare`.
        allow_truncated: As for `prepare`.

    Raises:
        RejectedPicture: As `prepare` does.
        UsageError: As `prepare` does.
    """
    zoom = preprocessing.zoom
    if isinstance(source, np.ndarray):
        picture = _from_array(source, preprocessing)
    else:
        height, width = at_least
        picture = decode(
            source,
            color=preprocessing.color,
            background=preprocessing.background,
            at_least=at_least if zoom == 1 else (round(height / zoom) + 1, round(width / zoom) + 1),
            allow_truncated=allow_truncated,
            limits=limits,
        )
    if zoom < 1:
        picture = picture._replace(pixels=crop(picture.pixels, zoom))
    if not preprocessing.isolate:
        return picture
    return picture._replace(pixels=isolate(picture.pixels, preprocessing.background))


def _from_array(array: NDArray[np.uint8], preprocessing: Preprocessing) -> Decoded:
    shaped = array[:, :, None] if array.ndim == 2 else array
    is_picture = shaped.ndim == 3 and shaped.shape[2] in (1, 3, 4) and 0 not in shaped.shape
    if not is_picture or shaped.dtype != np.uint8:
        raise UsageError(
            "This array is not a picture.",
            expected="uint8 of shape (height, width) or (height, width, 1, 3 or 4), not empty",
            received=f"{array.dtype} of shape {array.shape}",
            remedy="give several pictures as a list: list(batch); "
            "pixels from 0 to 1 as (255 * pixels).astype('uint8')",
        )
    pixels = array_to_pixels(shaped, preprocessing.color, preprocessing.background)
    return Decoded(pixels, "array", width=shaped.shape[1], height=shaped.shape[0])
