"""Archives that cannot be read in place: compressed tars; tables and arrays in any archive.

They are unpacked once into the user's cache, by `viewfinder.fetch.archives.unpack`.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.core.errors import DataError, OutputError, Reason, RejectedPicture
from viewfinder.core.files import cache_folder
from viewfinder.core.progress import Progress
from viewfinder.data.source import Source, Stamp, with_paths
from viewfinder.data.sources.files import stamp_of
from viewfinder.fetch.archives.unpack import unpack


@dataclass(frozen=True)
class UnpackedSource(Source):
    """An archive's pictures, read from the copy in the cache; locators are those of `inner`.

    Attributes:
        archive: The archive.
        folder: The copy.
        inner: The source that reads the copy.
    """

    archive: Path
    folder: Path
    inner: Source

    @override
    def read(self, locator: str) -> bytes | NDArray[np.uint8]:
        return self.inner.read(locator)

    @override
    def stamp(self, locator: str) -> Stamp:
        """The size in the copy, and the archive's mark, as copies are replaceable."""
        stamp = stamp_of(self.archive, holds_several=True)
        # Without this, caches would take pictures of the old archive for those of the new one.
        if self.folder.name != _copy_name(self.archive, self._address, stamp):
            raise RejectedPicture(Reason.MISSING, "the archive has changed since it was unpacked")
        return Stamp(self.inner.stamp(locator).size, stamp.mark)

    @override
    def record(self) -> dict[str, Any]:
        """Return the record, whose inner record has paths relative to the copy."""
        path, copy = str(self.archive.resolve()), self.folder.resolve()
        inner = with_paths(self.inner.record(), lambda path: os.path.relpath(path, copy))
        return {"kind": "unpacked", "path": path, "inner": inner}

    @classmethod
    def from_record(
        cls, record: dict[str, Any], restore: Callable[[dict[str, Any]], Source]
    ) -> "UnpackedSource":
        """Return the source that `record` describes; unpack again if the cache was cleared.

        Args:
            record: The record.
            restore: Returns the inner source, given its record.
        """
        archive = Path(record["path"])
        folder = cache_folder() / "unpacked" / "gone"
        with suppress(DataError, OutputError):  # then each picture is rejected as missing
            folder = unpacked_folder(archive)
        inner = with_paths(record["inner"], lambda path: os.path.normpath(folder / path))
        return cls(archive, folder, restore(inner))

    @property
    @override
    def names_files(self) -> bool:
        return self.inner.names_files

    @cached_property
    def _address(self) -> str:
        return str(self.archive.resolve())

    def __str__(self) -> str:
        return str(self.archive)


def unpacked_folder(
    archive: Path,
    progress: Progress | None = None,
    write: Callable[[Path, Path], None] = unpack,
) -> Path:
    """Return the folder in the cache with the archive's content; unpack the archive if needed.

    `write` unpacks a file into a new folder, all of it or nothing.

    Raises:
        DataError: The archive is damaged, or a member is not admitted; nothing is left.
        OutputError: The cache cannot be written.
    """
    name = _copy_name(archive, str(archive.resolve()), stamp_of(archive, holds_several=True))
    folder = cache_folder() / "unpacked" / name
    if folder.is_dir():
        return folder
    if progress:
        progress.say(f"Unpacking {archive} into {folder.parent} …")
    try:
        write(archive, folder)
    except OutputError:
        if not folder.is_dir():  # otherwise another process has unpacked the same archive
            raise
    return folder


def _copy_name(archive: Path, address: str, stamp: Stamp) -> str:
    """The name of the folder for the archive's present content."""
    identity = f"{address}\n{stamp.size}\n{stamp.mark}"
    key = hashlib.blake2b(identity.encode(errors="surrogateescape"), digest_size=8).hexdigest()
    return f"{archive.name[:40]}-{key}"
