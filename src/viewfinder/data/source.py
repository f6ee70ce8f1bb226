"""`Source`: returns a picture's bytes for its locator."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import DataError, RejectedPicture


class Stamp(NamedTuple):
    """Changes when a picture's bytes change; found without reading them, wherever that is possible.

    Attributes:
        size: The number of bytes.
        mark: A hash of the file's number and of its times of modification and of change; of its
            content where the file system has no time of change; or another checksum. int64.
    """

    size: int
    mark: int


MISSING = Stamp(-1, -1)
"""The stamp of pictures that are not there."""


class Source(ABC):
    """Where the bytes of a dataset's pictures are. Sources are never written to."""

    @abstractmethod
    def read(self, locator: str) -> bytes | NDArray[np.uint8]:
        """Return a picture's encoded bytes, or its pixels if the source holds pixels.

        Raises:
            RejectedPicture: It is missing or cannot be read.
        """

    @abstractmethod
    def stamp(self, locator: str) -> Stamp:
        """Return the picture's stamp.

        Raises:
            RejectedPicture: It is missing or cannot be read.
        """

    def present_stamp(self, locator: str) -> Stamp:
        """Return the picture's stamp, `MISSING` where it cannot be read."""
        try:
            return self.stamp(locator)
        except RejectedPicture:
            return MISSING

    def file_of(self, locator: str) -> Path | None:
        """Return the picture's own file; None if it has none.

        Raises:
            RejectedPicture: The locator cannot belong to a picture.
        """
        del locator
        return None

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """Return the kind, the absolute paths and the settings, for `from_record`."""

    @property
    def names_files(self) -> bool:
        """Whether locators are paths of files; rows of arrays have none."""
        return True

    @property
    def origin(self) -> "Source":
        """The source that holds the bytes: this source, or the one it wraps.

        Stores and audits of pictures are cached by their origin.
        """
        return self

    @abstractmethod
    def __str__(self) -> str:
        """The path, as the user gave it."""


Record = dict[str, Any]


def content_of(data: bytes | NDArray[np.uint8]) -> str:
    """Return the BLAKE2b hash (128 bits, hexadecimal) of what :meth:`Source.read` returns."""
    plain = data if isinstance(data, bytes) else np.ascontiguousarray(data).data
    return hashlib.blake2b(plain, digest_size=16).hexdigest()


def paths_in(record: Record) -> list[str]:
    """The paths in a record: its files and folders, except those in the cache.

    Raises:
        DataError: A path is not text.
    """
    paths: dict[str, None] = {}

    def collect(path: str) -> str:
        paths[path] = None
        return path

    with_paths(record, collect)
    return list(paths)


def with_paths(record: Record, new_path: Callable[[str], str]) -> Record:
    """The record with each of its paths replaced by `new_path(path)`.

    Raises:
        DataError: A path is not text.
    """
    if record.get("kind") == "arrays":  # the cache does not move with the data
        return record
    changed = dict(record)
    for key in ("path", "root", "file"):
        if changed.get(key) is not None:
            changed[key] = new_path(_text(changed[key]))
    files = changed.get("files")
    if isinstance(files, dict):
        changed["files"] = {split: new_path(_text(file)) for split, file in files.items()}
    return changed


def _text(path: object) -> str:
    if not isinstance(path, str):
        raise DataError("The record of a source is damaged.", expected="paths", received=repr(path))
    return path
