"""The directory at the end of a zip archive."""

import struct
import zipfile
from typing import IO

# The record at the end of an archive, before a comment of at most 65,535 bytes.
_END = struct.Struct("<4s4H2LH")
_MARK, _LONGEST_COMMENT = b"PK\x05\x06", 0xFFFF
_MOST_BYTES_A_MEMBER = 1 << 10


def require_small_directory(
    file: IO[bytes], most_members: int, *, may_have_comment: bool = False
) -> int:
    """Check how many members an archive says it has, because `zipfile` reads any number of them.

    Returns:
        The size of the archive in bytes.

    Raises:
        zipfile.BadZipFile: There are more, or the file is no whole archive.
    """
    size = file.seek(0, 2)
    file.seek(max(size - _END.size - (_LONGEST_COMMENT if may_have_comment else 0), 0))
    ending = file.read()
    file.seek(0)
    at = ending.rfind(_MARK)
    if at < 0 or len(ending) - at < _END.size:
        raise zipfile.BadZipFile(
            "the end of a zip archive is missing: the file is cut off, or not a zip file"
        )
    _, disk, first_disk, here, members, length, _, comment = _END.unpack_from(ending, at)
    if disk or first_disk or here != members or at + _END.size + comment != len(ending):
        raise zipfile.BadZipFile(
            "an archive of several parts, or with a comment or more after its end"
        )
    if members > most_members or length > most_members * _MOST_BYTES_A_MEMBER:
        raise zipfile.BadZipFile(f"{members:,} members instead of at most {most_members:,}")
    return size
