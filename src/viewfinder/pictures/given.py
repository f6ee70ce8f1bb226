"""Pictures as a caller may give them, by one rule for predictions and explanations."""

import io
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Union

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import Reason, RejectedPicture, UsageError
from viewfinder.pictures.codecs.types import Limits
from viewfinder.pictures.files import bytes_of

if TYPE_CHECKING:
    from PIL import Image

Picture = Union[
    str,
    os.PathLike[str],
    bytes,
    bytearray,
    memoryview,
    IO[bytes],
    "Image.Image",
    NDArray[np.uint8],
]
"""A picture as a path, encoded bytes, a file opened for reading bytes, an image of Pillow, or
pixels (uint8, height × width × channels)."""

_IN_MEMORY = (bytes, bytearray, memoryview, np.ndarray)
# The modes of Pillow that PNG has; others are converted to RGB.
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
_UNSCALED = frozenset({"I", "F"})
_EXPECTED = (
    "a path, bytes, a file opened for reading bytes, an image of Pillow, or an array of pixels"
)


def several(pictures: Any) -> Iterable[Any]:
    """Return the pictures, also where a single one was given.

    Raises:
        UsageError: They are neither a picture nor several.
    """
    if isinstance(pictures, (str, os.PathLike, *_IN_MEMORY)) or is_open(pictures):
        return [pictures]
    if not isinstance(pictures, Iterable):
        raise _no_picture(type(pictures).__name__)
    return pictures


def is_open(picture: object) -> bool:
    """Whether a picture is read from an open file, which only one thread may do."""
    # Pillow reads an image's file when its pixels are first used.
    return hasattr(picture, "read") or _is_of_pillow(picture)


def _is_of_pillow(picture: object) -> bool:
    # Without the module there is no such image, nor before it has its class: it may be imported
    # by another thread at this moment.
    return isinstance(picture, getattr(sys.modules.get("PIL.Image"), "Image", ()))


def name_of(picture: object, index: int = 0) -> str:
    """Return the path of a picture; of any other, "#" and its index."""
    return os.fspath(picture) if isinstance(picture, str | os.PathLike) else f"#{index}"


def source_of(picture: Any) -> bytes | NDArray[np.uint8]:
    """Return the encoded bytes of a picture, or its pixels if it was given as an array.

    A file is read from its start, if it can be, to its end. An image of Pillow is encoded as PNG,
    with its orientation, so that it gives what the PNG file would.

    Raises:
        RejectedPicture: A file is missing, cannot be read, or is larger than pictures may be.
        UsageError: It is none of the kinds of `Picture`.
    """
    match picture:
        case str() | os.PathLike():
            return bytes_of(Path(picture))
        case bytes():
            return picture
        case np.ndarray():
            return np.asarray(picture)  # of numpy.matrix, too, whose rows are no rows
        case bytearray() | memoryview():
            return bytes(picture)
        case _ if _is_of_pillow(picture):
            return _as_png(picture)
        case _ if is_open(picture):
            return _content(picture)
    if hasattr(picture, "__array__"):
        raise _no_picture(type(picture).__name__, "give tensors as arrays: numpy.asarray(tensor)")
    raise _no_picture(type(picture).__name__)


def _content(file: Any) -> bytes:
    data, most = bytearray(), Limits().max_bytes
    try:
        if hasattr(file, "seekable") and file.seekable():
            file.seek(0)
        while part := file.read(most + 1 - len(data)):  # a pipe may give less than requested
            if not isinstance(part, bytes):
                raise _no_picture(f"a file that reads {type(part).__name__}")
            data += part
            Limits().check_bytes(len(data))
    except UnicodeDecodeError as error:
        raise _no_picture("a file in text mode") from error
    except (OSError, ValueError) as error:  # a connection that ended; a closed file
        raise RejectedPicture(Reason.MISSING, f"the file cannot be read ({error})") from error
    return bytes(data)


def _as_png(image: "Image.Image") -> bytes:
    if image.mode in _UNSCALED:
        raise _no_picture(f"an image of mode {image.mode}, which defines no white")
    encoded = io.BytesIO()
    try:
        exif = image.getexif().tobytes()
        if image.mode not in _PNG_MODES:
            image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        image.save(encoded, "PNG", exif=exif, compress_level=1)
    except (OSError, SyntaxError, ValueError) as error:  # of its file, which is read only now
        raise RejectedPicture(Reason.CORRUPT, str(error)) from error
    return encoded.getvalue()


_AS_FILES = 'open files with mode "rb"; of an asynchronous upload, pass what it has read'


def _no_picture(received: str, remedy: str = _AS_FILES) -> UsageError:
    return UsageError(
        "This is not a picture.", expected=_EXPECTED, received=received, remedy=remedy
    )
