"""What a source is: the place that gives a picture's bytes for its locator."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import DataError


class Stamp(NamedTuple):
    """What changes when a picture's bytes change, told without reading them."""

    size: int
    modified_ns: int


class Source(ABC):
    """Where the bytes of a dataset's pictures are. Nothing is ever written to it."""

    @abstractmethod
    def read(self, locator: str) -> bytes | NDArray[np.uint8]:
        """A picture's encoded bytes, or its pixels where the source holds pixels.

        Raises:
            RejectedPicture: It is missing or cannot be read.
        """

    @abstractmethod
    def stamp(self, locator: str) -> Stamp:
        """The picture's stamp.

        Raises:
            RejectedPicture: It is missing or cannot be read.
        """

    def file_of(self, locator: str) -> Path | None:
        """The user's own file that is this picture; None where there is no such file.

        Raises:
            RejectedPicture: No picture can be there.
        """
        del locator
        return None

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """What `viewfinder.data.sources.from_record` needs to make this source again."""

    @property
    def names_files(self) -> bool:
        """Whether locators are paths of files; rows of arrays have none."""
        return True

    @property
    def origin(self) -> "Source":
        """The source that holds the bytes: this one, unless it stands for another.

        What is remembered of pictures (stores, audits) is kept by their origin.
        """
        return self

    @abstractmethod
    def __str__(self) -> str:
        """The place, as its user names it."""


Record = dict[str, Any]


def places(record: Record) -> Iterator[str]:
    """The paths that a record names: its files and folders, but not what is in the cache."""
    found: list[str] = []

    def seen(place: str) -> str:
        found.append(place)
        return place

    moved(record, seen)
    yield from dict.fromkeys(found)


def moved(record: Record, where: Callable[[str], str]) -> Record:
    """The record with each of its paths put through `where`.

    Raises:
        DataError: A path is no text.
    """
    if record.get("kind") == "arrays":  # they are in the cache, which does not move with them
        return record
    changed = dict(record)
    for key in ("path", "root", "file"):
        if changed.get(key) is not None:
            changed[key] = where(_text(changed[key]))
    files = changed.get("files")
    if isinstance(files, dict):
        changed["files"] = {split: where(_text(file)) for split, file in files.items()}
    return changed


def _text(place: object) -> str:
    if not isinstance(place, str):
        raise DataError(
            "The record of a source is damaged.", expected="paths", received=repr(place)
        )
    return place
