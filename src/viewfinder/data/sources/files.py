"""Pictures that are files of their own, and stamps of files, which tell that one has changed."""

import os
import time
from abc import abstractmethod
from functools import lru_cache
from pathlib import Path

import xxhash
from typing_extensions import override

from viewfinder.core.files import content_hash, regular_status
from viewfinder.data.source import Source, Stamp
from viewfinder.pictures.files import bytes_of, unreadable

_FAT_STEP_NS = 10_000_000
_FEW_S = 5


class FileSource(Source):
    """Pictures that are files of their own, at the path of :meth:`file_of`."""

    @abstractmethod
    @override
    def file_of(self, locator: str) -> Path: ...

    @override
    def read(self, locator: str) -> bytes:
        return bytes_of(self.file_of(locator))

    @override
    def stamp(self, locator: str) -> Stamp:
        return stamp_of(self.file_of(locator))


def stamp_of(file: Path, *, holds_several: bool = False) -> Stamp:
    """A file's size, and a mark that changes with the file.

    Size and time of modification are not enough: both may be equal where files are exchanged (as
    out of an archive with fixed times), or restored after an edit.

    Args:
        file: The file.
        holds_several: Whether it is asked for each of many pictures in it. Its content, where that
            decides, is then read every few seconds only.

    Raises:
        RejectedPicture: The file is missing, or no regular file.
    """
    try:
        status = regular_status(file)
        if _has_time_of_change(status):
            facts = f"{status.st_ino} {status.st_mtime_ns} {status.st_ctime_ns}"
        elif holds_several:
            moment = time.monotonic() // _FEW_S
            facts = _content_of(file, status.st_size, status.st_mtime_ns, moment)
        else:
            facts = content_hash(file)
    except (OSError, ValueError) as error:
        raise unreadable(error) from error
    # Parquet and pandas have signed numbers.
    return Stamp(status.st_size, xxhash.xxh3_64_intdigest(facts.encode()) >> 1)


def _has_time_of_change(status: os.stat_result) -> bool:
    """Whether the file system numbers files, and notes when one is changed.

    Windows gives the time of creation in its place. FAT repeats the time of modification, in steps
    of 10 ms or more, which no other file system hits by chance.
    """
    if os.name == "nt" or not status.st_ino or not status.st_ctime_ns:
        return False
    return status.st_ctime_ns != status.st_mtime_ns or bool(status.st_ctime_ns % _FAT_STEP_NS)


@lru_cache(maxsize=16)
def _content_of(file: Path, *version: float) -> str:
    del version
    return content_hash(file)
