"""Archives that are read in place, by an index of their members."""

import threading
from abc import abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

from typing_extensions import override

from viewfinder.core.errors import DataError, Reason, RejectedPicture
from viewfinder.data.source import Source, Stamp
from viewfinder.data.sources.files import stamp_of
from viewfinder.data.sources.listing import Listing
from viewfinder.pictures.files import unreadable


class Index(NamedTuple):
    """The content of an archive.

    Attributes:
        members: What the archive's library needs to read each member, by locator.
        listing: The files, and what was skipped.
        notes: What the user should know.
        archive: The open archive, where it stays open.
    """

    members: dict[str, Any]
    listing: Listing
    notes: tuple[str, ...] = ()
    archive: Any = None


@dataclass
class _Current:
    """The index for one stamp of the file."""

    stamp: Stamp | None = None
    index: Index | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class ArchiveSource(Source):
    """Pictures in an archive, read in place; a locator is a member's path.

    Attributes:
        path: The archive.
    """

    path: Path
    current: _Current = field(default_factory=_Current, repr=False, compare=False)

    kind: ClassVar[str]

    @abstractmethod
    def read_index(self) -> Index:
        """Read the index from the file.

        Raises:
            OSError: The file cannot be read.
            DataError: It is damaged, or a member is not admitted.
        """

    @override
    def record(self) -> dict[str, Any]:
        return {"kind": self.kind, "path": str(self.path.resolve())}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """Return the source that `record` describes."""
        return cls(Path(record["path"]))

    def __str__(self) -> str:
        return str(self.path)

    def index(self) -> Index:
        """Return the archive's present index.

        Raises:
            DataError: It is damaged, or a member is not admitted.
            RejectedPicture: It is missing.
        """
        stamp, current = stamp_of(self.path, holds_several=True), self.current
        with current.lock:
            if current.index is None or current.stamp != stamp:
                try:
                    current.index = self.read_index()
                except OSError as error:
                    raise unreadable(error) from error
                current.stamp = stamp
            return current.index

    def found(self, locator: str) -> tuple[Index, Any]:
        """Return the index, and the member of this locator.

        Raises:
            RejectedPicture: There is no such member, or the archive is missing or damaged.
        """
        try:
            index = self.index()
        except RejectedPicture:
            raise
        except DataError as error:
            raise RejectedPicture(Reason.CORRUPT, error.fact) from error
        if locator not in index.members:
            raise RejectedPicture(Reason.MISSING, "the archive no longer has this member")
        return index, index.members[locator]
