"""Pictures in an uncompressed tar archive, read in place."""

import tarfile
from pathlib import Path
from typing import NamedTuple

from typing_extensions import override

from viewfinder.core.errors import DataError, Reason, RejectedPicture
from viewfinder.data.source import Stamp
from viewfinder.data.sources.archive import ArchiveSource, Index
from viewfinder.data.sources.files import stamp_of
from viewfinder.data.sources.listing import NOT_UNICODE, Listing, is_unicode
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


class TarSource(ArchiveSource):
    """Pictures in an uncompressed tar. Reading needs no lock."""

    kind = "tar"

    @override
    def read(self, locator: str) -> bytes:
        _, span = self.found(locator)
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
        _, span = self.found(locator)
        return Stamp(span.size, stamp_of(self.path, holds_several=True).mark)

    @override
    def read_index(self) -> Index:
        size = self.path.stat().st_size
        admission, listing = Admission(size, None), Listing()
        spans: dict[str, Span] = {}
        with (
            archive_errors(self.path),
            open_decompressed(self.path) as file,
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
        return Index(spans, listing)


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
