"""Archives that cannot be read in place: compressed tars; tables and arrays in any archive.

They are unpacked once into the user's cache, safely: see `viewfinder.fetch.archives.unpack`.
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

from viewfinder.core.errors import DataError, OutputError, Reason, RejectedPicture
from viewfinder.core.files import cache_folder
from viewfinder.core.progress import Progress
from viewfinder.data.source import Source, Stamp, moved
from viewfinder.data.sources.folder import stamp_of
from viewfinder.fetch.archives.unpack import unpack


@dataclass(frozen=True)
class UnpackedSource(Source):
    """An archive's pictures, read from the copy in the cache; locators are those of `inner`.

    Attributes:
        archive: The archive.
        folder: The copy.
        inner: What reads the copy.
    """

    archive: Path
    folder: Path
    inner: Source

    def read(self, locator: str) -> bytes | NDArray[np.uint8]:
        """What the copy holds."""
        return self.inner.read(locator)

    def stamp(self, locator: str) -> Stamp:
        """The size in the copy, and the archive's time of change: the copy may be made again."""
        stamp = stamp_of(self.archive)
        # Else pictures of the old archive would be remembered as those of the new one.
        if self.folder.name != _copy_name(self.archive, self._address, stamp):
            raise RejectedPicture(Reason.MISSING, "the archive has changed since it was unpacked")
        return Stamp(self.inner.stamp(locator).size, stamp.modified_ns)

    def record(self) -> dict[str, Any]:
        """Kind, absolute path, and the copy's own record, with paths relative to the copy."""
        path, copy = str(self.archive.resolve()), self.folder.resolve()
        inner = moved(self.inner.record(), lambda place: os.path.relpath(place, copy))
        return {"kind": "unpacked", "path": path, "inner": inner}

    @classmethod
    def from_record(
        cls, record: dict[str, Any], restore: Callable[[dict[str, Any]], Source]
    ) -> "UnpackedSource":
        """The source that gave this record; unpacked again where the cache was cleared.

        Args:
            record: The record.
            restore: Makes the inner source from its record.
        """
        archive = Path(record["path"])
        folder = cache_folder() / "unpacked" / "gone"
        with suppress(DataError, OutputError):  # then its pictures are missing, and that is said
            folder = unpacked_folder(archive)
        inner = moved(record["inner"], lambda place: os.path.normpath(folder / place))
        return cls(archive, folder, restore(inner))

    @property
    def names_files(self) -> bool:
        """Whether the copy's locators are paths of files."""
        return self.inner.names_files

    @cached_property
    def _address(self) -> str:
        return str(self.archive.resolve())

    def __str__(self) -> str:
        return str(self.archive)


def unpacked_folder(archive: Path, progress: Progress | None = None) -> Path:
    """The folder in the cache that holds what is in the archive; unpacked if it is not there yet.

    Raises:
        DataError: The archive is damaged, not safe, or a decompression bomb; nothing is left.
        OutputError: The cache cannot be written.
    """
    name = _copy_name(archive, str(archive.resolve()), stamp_of(archive))
    folder = cache_folder() / "unpacked" / name
    if folder.is_dir():
        return folder
    if progress:
        progress.say(f"Unpacking {archive} into {folder.parent} …")
    try:
        unpack(archive, folder)
    except OutputError:
        if not folder.is_dir():  # else another process was faster, with the same
            raise
    return folder


def _copy_name(archive: Path, address: str, stamp: Stamp) -> str:
    """The name of the folder that holds the archive's content as it is now."""
    identity = f"{address}\n{stamp.size}\n{stamp.modified_ns}"
    key = hashlib.blake2b(identity.encode(errors="surrogateescape"), digest_size=8).hexdigest()
    return f"{archive.name[:40]}-{key}"
