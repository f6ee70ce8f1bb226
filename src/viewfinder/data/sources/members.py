"""What a member of an archive may be called and may cost: archives from outside are not trusted."""

from dataclasses import dataclass, field

from viewfinder.core.errors import DataError
from viewfinder.data.sources.layout import (
    HIDDEN,
    NOT_UNICODE,
    File,
    Listing,
    is_system_name,
    is_unicode,
    shown,
)
from viewfinder.fetch.archives.members import MOST_RATIO, member_parts, most_unpacked


def refuse_bomb(unpacked: int, packed: int, place: str) -> None:
    """Raise `DataError` where a little unpacks to far too much.

    Args:
        unpacked: Bytes, as declared or as counted so far.
        packed: Bytes of the archive that they came from.
        place: The archive, for the message.
    """
    if unpacked > most_unpacked(packed):
        raise DataError(
            f"{place} is refused: it looks like a decompression bomb.",
            expected=f"at most {MOST_RATIO} times its packed size",
            received=f"{packed:,} bytes that unpack to {unpacked:,} or more",
            remedy="if you trust it, unpack it yourself and open the folder",
        )


def refused(place: str, fact: str, name: str) -> DataError:
    """The error of an archive with a member that no honest archive of pictures has."""
    return DataError(
        f"{place} is refused: {shown(name)!r} {fact}.",
        expected="files and folders below the archive's top, each once",
        remedy="if you trust it, unpack it yourself and open the folder",
    )


@dataclass
class Members:
    """The files of an archive, collected one by one; each path may stand there once.

    Attributes:
        place: The archive, for messages.
        listing: The files that may be pictures, and what was passed over.
        folders: The paths that must be folders, because files are below them.
    """

    place: str
    listing: Listing = field(default_factory=Listing)
    seen: set[tuple[str, ...]] = field(default_factory=set)
    folders: set[tuple[str, ...]] = field(default_factory=set)

    def add(self, name: str, size: int) -> str | None:
        """Take a file in; its locator, or None where it is hidden or cannot be named.

        Raises:
            DataError: The name is not safe, or stands there twice.
        """
        if not is_unicode(name):
            self.listing.pass_over((name,), NOT_UNICODE)
            return None
        parts = self._parts(name)
        if parts in self.seen or parts in self.folders or not parts:
            raise refused(self.place, "stands for more than one file", name)
        self.seen.add(parts)
        for depth in range(1, len(parts)):
            if parts[:depth] in self.seen:
                raise refused(self.place, "is inside of a file", name)
            self.folders.add(parts[:depth])
        hidden = next((i for i, part in enumerate(parts) if is_system_name(part)), None)
        if hidden is not None:
            self.listing.pass_over(parts[: hidden + 1], HIDDEN)
            return None
        self.listing.files.append(File(parts, size))
        return "/".join(parts)

    def add_folder(self, name: str) -> None:
        """Check a folder's name; what matters are the files below it.

        Raises:
            DataError: The name is not safe, or that of a file.
        """
        if is_unicode(name):
            parts = self._parts(name)
            if parts in self.seen:
                raise refused(self.place, "is both a file and a folder", name)
            self.folders.update(parts[:depth] for depth in range(1, len(parts) + 1))

    def finish(self) -> Listing:
        """The listing, each thing passed over named once."""
        self.listing.passed_over = list(dict.fromkeys(self.listing.passed_over))
        return self.listing

    def _parts(self, name: str) -> tuple[str, ...]:
        try:
            return member_parts(name)
        except DataError as error:
            raise DataError(
                f"{self.place} is refused: {error.fact}",
                expected=error.expected,
                remedy="if you trust it, unpack it yourself and open the folder",
            ) from error
