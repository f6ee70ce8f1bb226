"""Pictures in a tar archive that is not compressed, read from it directly."""

import lzma
import struct
import tarfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from viewfinder.core.errors import DataError, Reason, RejectedPicture
from viewfinder.data.source import Source, Stamp
from viewfinder.data.sources.folder import stamp_of, unreadable
from viewfinder.data.sources.layout import Listing
from viewfinder.data.sources.members import Members, refused
from viewfinder.fetch.archives.bounded import decompressed

_BLOCK_BYTES = 512


class Span(NamedTuple):
    """Where a member's bytes are in the archive."""

    start: int
    size: int


class TarIndex(NamedTuple):
    """The members of an archive by their locators."""

    stamp: Stamp
    spans: dict[str, Span]
    listing: Listing


@dataclass
class _Opened:
    """The archive's index, made again when the file has changed."""

    index: TarIndex | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class TarSource(Source):
    """Pictures in an uncompressed tar; a locator is a member's path. Reading needs no lock.

    Attributes:
        path: The archive.
    """

    path: Path
    opened: _Opened = field(default_factory=_Opened, repr=False, compare=False)

    def read(self, locator: str) -> bytes:
        """The member's bytes."""
        span = self._span(locator)
        try:
            with self.path.open("rb") as file:
                file.seek(span.start)
                data = file.read(span.size)
        except OSError as error:
            raise unreadable(error) from error
        if len(data) < span.size:
            raise RejectedPicture(Reason.TRUNCATED, "the archive ends within it")
        return data

    def stamp(self, locator: str) -> Stamp:
        """The member's size, and the archive's time of change."""
        span = self._span(locator)
        return Stamp(span.size, stamp_of(self.path).modified_ns)

    def record(self) -> dict[str, Any]:
        """Kind and absolute path."""
        return {"kind": "tar", "path": str(self.path.resolve())}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "TarSource":
        """The source that gave this record."""
        return cls(Path(record["path"]))

    def __str__(self) -> str:
        return str(self.path)

    def index(self) -> TarIndex:
        """The archive's members, found by one pass over their headers.

        Raises:
            DataError: It is damaged or not safe.
            RejectedPicture: It is not there.
        """
        stamp = stamp_of(self.path)
        with self.opened.lock:
            if self.opened.index is None or self.opened.index.stamp != stamp:
                self.opened.index = TarIndex(stamp, *_collect(self.path))
            return self.opened.index

    def _span(self, locator: str) -> Span:
        try:
            spans = self.index().spans
        except RejectedPicture:
            raise
        except DataError as error:
            raise RejectedPicture(Reason.CORRUPT, error.fact) from error
        if locator not in spans:
            raise RejectedPicture(Reason.MISSING, "the archive has no such member any more")
        return spans[locator]


def is_tar(path: Path) -> bool:
    """Whether the file, or what is compressed in it, starts as a tar does."""
    try:
        with decompressed(path) as stream:
            start = stream.read(_BLOCK_BYTES)
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return False
    try:
        tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
        return True  # an empty one: nothing but zeros
    except (tarfile.HeaderError, ValueError):
        return False
    return True


def check_member(member: tarfile.TarInfo, place: str) -> None:
    """Raise `DataError` for what is neither a plain file nor a folder."""
    if member.issym() or member.islnk():
        raise refused(place, f"is a link to {member.linkname!r}", member.name)
    if member.issparse() or not (member.isreg() or member.isdir()):
        raise refused(place, "is a device, or a file of an odd kind", member.name)


@contextmanager
def tar_errors(place: str) -> Iterator[None]:
    """Turn what reading a damaged tar raises into one `DataError`."""
    try:
        yield
    except tarfile.TarError as error:
        raise _damaged(place, error) from error
    except (ValueError, OverflowError, EOFError, IndexError, struct.error) as error:
        raise _damaged(place, error) from error  # from headers with nonsense in them


def _collect(path: Path) -> tuple[dict[str, Span], Listing]:
    found, spans = Members(str(path)), {}
    size = path.stat().st_size
    with tar_errors(str(path)), tarfile.open(path, "r:") as archive:
        for member in archive:
            check_member(member, str(path))
            if member.isdir():
                found.add_folder(member.name)
                continue
            if member.offset_data + member.size > size:
                raise tarfile.ReadError(f"it ends within {member.name!r}")
            locator = found.add(member.name, member.size)
            if locator is not None:
                spans[locator] = Span(member.offset_data, member.size)
    return spans, found.finish()


def _damaged(place: str, error: Exception) -> DataError:
    return DataError(
        f"{place} is no tar archive that can be read: {error}.", remedy="get the file again"
    )
