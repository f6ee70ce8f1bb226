"""Pictures in a zip archive, read in place: any layout that a folder may have."""

import zipfile
from contextlib import ExitStack
from pathlib import Path

from typing_extensions import override

from viewfinder.core.errors import Reason, RejectedPicture
from viewfinder.data.source import Stamp
from viewfinder.data.sources.archive import ArchiveSource, Index
from viewfinder.data.sources.listing import Listing
from viewfinder.fetch.archives.bounded import chunks_of
from viewfinder.fetch.archives.errors import DAMAGED, archive_errors
from viewfinder.fetch.archives.members import Admission, is_zipped_folder
from viewfinder.fetch.archives.zips import open_zip, unclear_names
from viewfinder.pictures.codecs.types import Limits
from viewfinder.pictures.files import unreadable


class ZipSource(ArchiveSource):
    """Pictures in a zip archive. Safe to read from many threads."""

    kind = "zip"

    @override
    def read(self, locator: str) -> bytes:
        index, member = self.found(locator)
        Limits().check_bytes(member.file_size)
        try:
            with index.archive.open(member) as stream:
                return b"".join(chunks_of(stream, member))
        except NotImplementedError as error:
            why = f"unknown compression method: {error}"
            raise RejectedPicture(Reason.UNSUPPORTED, why) from error
        except (OSError, *DAMAGED) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise unreadable(error) from error
            # bz2 raises an OSError without a number for damaged data.
            raise RejectedPicture(Reason.CORRUPT, f"damaged in the archive: {error}") from error

    @override
    def stamp(self, locator: str) -> Stamp:
        """The member's size, and its checksum instead of a time: both from the directory."""
        _, member = self.found(locator)
        return Stamp(member.file_size, member.CRC)

    @override
    def read_index(self) -> Index:
        admission, listing = Admission(self.path.stat().st_size, None), Listing()
        members: dict[str, zipfile.ZipInfo] = {}
        with archive_errors(self.path), ExitStack() as on_error:
            archive = on_error.enter_context(open_zip(self.path))
            for member in archive.infolist():
                parts = admission.zipped(member)
                if not is_zipped_folder(member) and listing.add(parts, member.file_size):
                    members["/".join(parts)] = member
            notes = _notes(self.path, unclear_names(archive))
            on_error.pop_all()
        return Index(members, listing, notes, archive)


def _notes(path: Path, unclear: list[str]) -> tuple[str, ...]:
    if not unclear:
        return ()
    return (
        f"{path.name} does not state the encoding of {len(unclear):,} names, which were read as in "
        f"DOS: {unclear[0]}. If that looks wrong, unpack it on the system that packed it, or with "
        "its encoding (unzip -O CP936, for example), and use the folder.",
    )
