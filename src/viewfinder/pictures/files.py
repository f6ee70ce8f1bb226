"""Files of pictures, read whole within the limit on their size."""

import os
from pathlib import Path

from viewfinder.core.errors import Reason, RejectedPicture
from viewfinder.core.files import NotRegularFile, open_regular
from viewfinder.pictures.codecs.types import Limits


def bytes_of(file: Path) -> bytes:
    """Return a file's content; no file is read that is larger than pictures may be.

    Raises:
        RejectedPicture: MISSING (it does not exist, or cannot be read), NOT_A_PICTURE (it is no
            regular file) or TOO_LARGE.
    """
    try:
        with open_regular(file) as opened:
            size = os.fstat(opened.fileno()).st_size
            Limits().check_bytes(size)
            return opened.read(size)
    except (OSError, ValueError) as error:
        raise unreadable(error) from error


def unreadable(error: OSError | ValueError) -> RejectedPicture:
    """Return the rejection of a file that cannot be read, or of a path that no file can have."""
    if isinstance(error, FileNotFoundError):
        return RejectedPicture(Reason.MISSING, "the file does not exist")
    if isinstance(error, NotRegularFile):
        return RejectedPicture(Reason.NOT_A_PICTURE, error.why)
    if isinstance(error, OSError):
        return RejectedPicture(Reason.MISSING, f"the file cannot be read ({error.strerror})")
    return RejectedPicture(Reason.MISSING, f"no file can have this path ({error})")
