"""Pictures in a zip archive, read from it directly: any layout that a folder may have."""

import lzma
import stat
import struct
import threading
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from viewfinder.core.errors import DataError, Reason, RejectedPicture
from viewfinder.data.source import Source, Stamp
from viewfinder.data.sources.folder import stamp_of, unreadable
from viewfinder.data.sources.layout import Listing
from viewfinder.data.sources.members import Members, refuse_bomb, refused

# What Python raises for a damaged archive; a RuntimeError is also how a method of packing, or a
# version, that it does not know is said.
DAMAGED_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    RuntimeError,
    ValueError,
    OverflowError,
)
_ENCRYPTED = 0x1
# No picture that may be decoded is larger; see `viewfinder.pictures.decode.Limits`.
_LARGEST_MEMBER = 256 << 20


class ZipIndex(NamedTuple):
    """An open archive: its members by their locators."""

    stamp: Stamp
    archive: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]
    listing: Listing


@dataclass
class _Opened:
    """The archive's index, made again when the file has changed."""

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

    def read(self, locator: str) -> bytes:
        """The member's bytes, checked against its checksum."""
        index = self._index()
        member = _member(index, locator)
        if member.file_size > _LARGEST_MEMBER:
            raise RejectedPicture(Reason.TOO_LARGE, f"{member.file_size:,} bytes in the archive")
        try:
            with index.archive.open(member) as stream:
                return stream.read()
        except NotImplementedError as error:
            why = f"packed by another method: {error}"
            raise RejectedPicture(Reason.UNSUPPORTED, why) from error
        except OSError as error:
            if error.errno is not None:
                raise unreadable(error) from error
            raise _damaged_member(error) from error  # bzip2 says it like this
        except DAMAGED_ZIP as error:
            raise _damaged_member(error) from error

    def stamp(self, locator: str) -> Stamp:
        """The member's size, and its checksum in place of a time: both from the directory."""
        member = _member(self._index(), locator)
        return Stamp(member.file_size, member.CRC)

    def record(self) -> dict[str, Any]:
        """Kind and absolute path."""
        return {"kind": "zip", "path": str(self.path.resolve())}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "ZipSource":
        """The source that gave this record."""
        return cls(Path(record["path"]))

    def __str__(self) -> str:
        return str(self.path)

    def index(self) -> ZipIndex:
        """The archive's members.

        Raises:
            DataError: It is damaged or not safe.
            RejectedPicture: It is not there.
        """
        stamp = stamp_of(self.path)
        with self.opened.lock:
            if self.opened.index is None or self.opened.index.stamp != stamp:
                self.opened.index = _open_zip(self.path, stamp)
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

    (Python's own test looks at the end, where a tar of zips or a picture may look like one.)
    """
    with path.open("rb") as file:
        return file.read(4) in (b"PK\3\4", b"PK\5\6")


def _member(index: ZipIndex, locator: str) -> zipfile.ZipInfo:
    if locator not in index.members:
        raise RejectedPicture(Reason.MISSING, "the archive has no such member any more")
    return index.members[locator]


def _damaged_member(error: Exception) -> RejectedPicture:
    return RejectedPicture(Reason.CORRUPT, f"damaged in the archive: {error}")


def _open_zip(path: Path, stamp: Stamp) -> ZipIndex:
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, *DAMAGED_ZIP) as error:
        raise DataError(
            f"{path} is no zip archive that can be read: {error}.", remedy="get the file again"
        ) from error
    try:
        return ZipIndex(stamp, archive, *_collect(archive, path, stamp.size))
    except DataError:
        archive.close()
        raise


def _collect(
    archive: zipfile.ZipFile, path: Path, packed: int
) -> tuple[dict[str, zipfile.ZipInfo], Listing]:
    """The members by their locators, each checked; and the listing."""
    found, members = Members(str(path)), {}
    unpacked = 0
    for member in archive.infolist():
        _check(member, str(path))
        if member.is_dir():
            found.add_folder(member.filename)
            continue
        unpacked += member.file_size
        refuse_bomb(unpacked, packed, str(path))
        locator = found.add(member.filename, member.file_size)
        if locator is not None:
            members[locator] = member
    return members, found.finish()


def _check(member: zipfile.ZipInfo, place: str) -> None:
    if member.orig_filename != member.filename and "\0" in member.orig_filename:
        raise refused(place, "has a zero in its name", member.orig_filename)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise refused(place, "is a link", member.filename)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise refused(place, "is a device", member.filename)
    if member.flag_bits & _ENCRYPTED:
        raise DataError(
            f"{place} is protected by a password.", remedy="unpack it and open the folder"
        )
