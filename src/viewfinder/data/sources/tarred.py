"""Pictures in an uncompressed tar archive, read in place."""

import tarfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from typing_extensions import override

from viewfinder.core.errors import DataError, Reason, RejectedPicture
from viewfinder.data.source import Source, Stamp
from viewfinder.data.sources.layout import NOT_UNICODE, Listing, is_unicode
from viewfinder.data.sources.stamps import stamp_of
from viewfinder.fetch.archives.bounded import open_decompressed
from viewfinder.fetch.archives.errors import archive_errors
from viewfinder.fetch.archives.members import Admission
from viewfinder.pictures.codecs.types import Limits
from viewfinder.pictures.files import unreadable

_BLOCK_BYTES = 512


class Span(NamedTuple):
    """The position of a member's bytes in the archive."""

    start: int
    size: int


class TarIndex(NamedTuple):
    """The members of an archive by locator."""

    stamp: Stamp
    spans: dict[str, Span]
    listing: Listing


@dataclass
class _Opened:
    """The archive's index, rebuilt when the file has changed."""

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

    @override
    def read(self, locator: str) -> bytes:
        span = self._span(locator)
        Limits().check_bytes(span.size)
        try:
            with self.path.open("rb") as file:
                file.seek(span.start)
                data = file.read(span.size)
        except OSError as error:
            raise unreadable(error) from error
        if len(data) < span.size:
            raise RejectedPicture(Reason.TRUNCATED, "the archive ends within this member")
        return data

    @override
    def stamp(self, locator: str) -> Stamp:
        """The member's size, and the archive's mark."""
        span = self._span(locator)
        return Stamp(span.size, stamp_of(self.path, holds_several=True).mark)

    @override
    def record(self) -> dict[str, Any]:
        return {"kind": "tar", "path": str(self.path.resolve())}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "TarSource":
        """Return the source that `record` describes."""
        return cls(Path(record["path"]))

    def __str__(self) -> str:
        return str(self.path)

    def index(self) -> TarIndex:
        """The archive's members, found by one pass over their headers.

        Raises:
            DataError: It is damaged, or a member is not admitted.
            RejectedPicture: It is missing.
        """
        stamp = stamp_of(self.path, holds_several=True)
        with self.opened.lock:
            if self.opened.index is None or self.opened.index.stamp != stamp:
                try:
                    self.opened.index = TarIndex(stamp, *_collect(self.path))
                except OSError as error:
                    raise unreadable(error) from error
            return self.opened.index

    def _span(self, locator: str) -> Span:
        try:
            spans = self.index().spans
        except RejectedPicture:
            raise
        except DataError as error:
            raise RejectedPicture(Reason.CORRUPT, error.fact) from error
        if locator not in spans:
            raise RejectedPicture(Reason.MISSING, "the archive no longer has this member")
        return spans[locator]


def is_tar(path: Path) -> bool:
    """Whether the file starts as a tar does, after decompression."""
    try:
        with open_decompressed(path) as stream:
            start = stream.read(_BLOCK_BYTES)
    except (OSError, DataError):
        return False
    try:
        tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
        return True  # an empty tar: only zeros
    except (tarfile.HeaderError, ValueError):
        return False
    return True


def _collect(path: Path) -> tuple[dict[str, Span], Listing]:
    size = path.stat().st_size
    admission, listing = Admission(size, None), Listing()
    spans: dict[str, Span] = {}
    with (
        archive_errors(path),
        open_decompressed(path) as file,
        tarfile.open(fileobj=file, mode="r:") as archive,
    ):
        for member in archive:
            if not is_unicode(member.name):
                listing.pass_over((member.name,), NOT_UNICODE)
                continue
            parts = admission.tarred(member)
            if member.isdir():
                continue
            if member.offset_data + member.size > size:
                raise tarfile.ReadError(f"it ends within {member.name!r}")
            if listing.add(parts, member.size):
                spans["/".join(parts)] = Span(member.offset_data, member.size)
    return spans, listing
