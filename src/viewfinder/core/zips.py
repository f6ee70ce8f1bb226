"""The directory at the end of a zip archive."""

import struct
import zipfile
from typing import IO

# The record at the end of an archive without a comment.
_END = struct.Struct("<4s4H2LH")
_MOST_BYTES_A_MEMBER = 1 << 10


def require_small_directory(file: IO[bytes], most_members: int) -> int:
    """Check how many members an archive says it has, because `zipfile` reads any number of them.

    Returns:
        The size of the archive in bytes.

    Raises:
        zipfile.BadZipFile: There are more, or the file is no whole archive without a comment.
    """
    size = file.seek(0, 2)
    file.seek(max(size - _END.size, 0))
    end = file.read(_END.size)
    file.seek(0)
    if len(end) < _END.size or not end.startswith(b"PK\x05\x06"):
        raise zipfile.BadZipFile(
            "the end of a zip archive is missing: the file is cut off, or not a zip file"
        )
    _, disk, first_disk, here, members, length, _, comment = _END.unpack(end)
    if disk or first_disk or comment or here != members:
        raise zipfile.BadZipFile("an archive of several parts, or with a comment")
    if members > most_members or length > most_members * _MOST_BYTES_A_MEMBER:
        raise zipfile.BadZipFile(f"{members:,} members instead of at most {most_members:,}")
    return size
