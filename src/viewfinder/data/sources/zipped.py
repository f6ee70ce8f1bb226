"""Pictures in a zip archive, read in place: any layout that a folder may have."""

import threading
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from typing_extensions import override

from viewfinder.core.errors import DataError, Reason, RejectedPicture
from viewfinder.data.source import Source, Stamp
from viewfinder.data.sources.layout import Listing
from viewfinder.data.sources.stamps import stamp_of
from viewfinder.fetch.archives.bounded import chunks_of
from viewfinder.fetch.archives.errors import DAMAGED, archive_errors
from viewfinder.fetch.archives.members import Admission, is_zipped_folder
from viewfinder.fetch.archives.names import open_zip, unclear_names
from viewfinder.pictures.codecs.types import Limits
from viewfinder.pictures.files import unreadable


class ZipIndex(NamedTuple):
    """An open archive, with its members by locator."""

    stamp: Stamp
    archive: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]
    listing: Listing
    notes: tuple[str, ...] = ()


@dataclass
class _Opened:
    """The archive's index, rebuilt when the file has changed."""

    index: ZipIndex | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class ZipSource(Source):
    """Pictures in a zip archive; a locator is a member's path. Safe to read from many threads.

    Attributes:
        path: The archive.
    """

    path: Path
    opened: _Opened = field(default_factory=_Opened, repr=False, compare=False)

    @override
    def read(self, locator: str) -> bytes:
        index = self._index()
        member = _member(index, locator)
        Limits().check_bytes(member.file_size)
        try:
            with index.archive.open(member) as stream:
                return b"".join(chunks_of(stream, member))
        except NotImplementedError as error:
            why = f"unknown compression method: {error}"
            raise RejectedPicture(Reason.UNSUPPORTED, why) from error
        except OSError as error:
            if error.errno is not None:
                raise unreadable(error) from error
            raise _damaged_member(error) from error  # from bz2, for damaged data
        except DAMAGED as error:
            raise _damaged_member(error) from error

    @override
    def stamp(self, locator: str) -> Stamp:
        """The member's size, and its checksum instead of a time: both from the directory."""
        member = _member(self._index(), locator)
        return Stamp(member.file_size, member.CRC)

    @override
    def record(self) -> dict[str, Any]:
        return {"kind": "zip", "path": str(self.path.resolve())}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "ZipSource":
        """Return the source that `record` describes."""
        return cls(Path(record["path"]))

    def __str__(self) -> str:
        return str(self.path)

    def index(self) -> ZipIndex:
        """The archive's members.

        Raises:
            DataError: It is damaged, or a member is not admitted.
            RejectedPicture: It is missing.
        """
        stamp = stamp_of(self.path, holds_several=True)
        with self.opened.lock:
            if self.opened.index is None or self.opened.index.stamp != stamp:
                try:
                    self.opened.index = _open_zip(self.path, stamp)
                except OSError as error:
                    raise unreadable(error) from error
            return self.opened.index

    def _index(self) -> ZipIndex:
        try:
            return self.index()
        except RejectedPicture:
            raise
        except DataError as error:
            raise RejectedPicture(Reason.CORRUPT, error.fact) from error


def is_zip(path: Path) -> bool:
    """Whether the file starts as a zip archive does.

    `zipfile.is_zipfile` looks at the end, where a tar of zips looks like a zip.
    """
    with path.open("rb") as file:
        return file.read(4) in (b"PK\3\4", b"PK\5\6")


def _member(index: ZipIndex, locator: str) -> zipfile.ZipInfo:
    if locator not in index.members:
        raise RejectedPicture(Reason.MISSING, "the archive no longer has this member")
    return index.members[locator]


def _damaged_member(error: Exception) -> RejectedPicture:
    return RejectedPicture(Reason.CORRUPT, f"damaged in the archive: {error}")


def _open_zip(path: Path, stamp: Stamp) -> ZipIndex:
    with archive_errors(path), ExitStack() as on_error:
        archive = on_error.enter_context(open_zip(path))
        members, listing = _collect(archive, stamp.size)
        notes = _notes(path, unclear_names(archive))
        index = ZipIndex(stamp, archive, members, listing, notes)
        on_error.pop_all()
    return index


def _notes(path: Path, unclear: list[str]) -> tuple[str, ...]:
    if not unclear:
        return ()
    return (
        f"{path.name} does not state the encoding of {len(unclear):,} names, which were read as in "
        f"DOS: {unclear[0]}. If that looks wrong, unpack it on the system that packed it, or with "
        "its encoding (unzip -O CP936, for example), and use the folder.",
    )


def _collect(archive: zipfile.ZipFile, packed: int) -> tuple[dict[str, zipfile.ZipInfo], Listing]:
    """The admitted members by their locators; and the listing."""
    admission, listing = Admission(packed, None), Listing()
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        parts = admission.zipped(member)
        if not is_zipped_folder(member) and listing.add(parts, member.file_size):
            members["/".join(parts)] = member
    return members, listing
