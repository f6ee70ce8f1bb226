"""A source from what was written down of it (`Source.record`), here or in another place."""

from collections.abc import Callable, Iterator
from typing import Any

from viewfinder.data.source import Source
from viewfinder.data.sources.arrays import ArraySource
from viewfinder.data.sources.folder import FolderSource
from viewfinder.data.sources.idx import IdxSource
from viewfinder.data.sources.npz import NpzSource
from viewfinder.data.sources.pixel_csv import PixelCsvSource
from viewfinder.data.sources.saved import SavedSource
from viewfinder.data.sources.table import TableSource
from viewfinder.data.sources.tarred import TarSource
from viewfinder.data.sources.unpacked import UnpackedSource
from viewfinder.data.sources.zipped import ZipSource
from viewfinder.errors import DataError

Record = dict[str, Any]


def from_record(record: Record) -> Source:
    """The source that gave this record (:meth:`Source.record`).

    Raises:
        DataError: The record is of no known kind, or is damaged.
    """
    kind = str(record.get("kind"))
    if kind not in _KINDS:
        raise DataError(f"Unknown kind of source: {kind!r}.", expected=", ".join(_KINDS))
    try:
        return _KINDS[kind](record)
    except (KeyError, TypeError, AttributeError, ValueError, StopIteration) as error:
        raise DataError(f"The record of a source is damaged: {error!r}.") from error


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


_KINDS: dict[str, Callable[[Record], Source]] = {
    "folder": FolderSource.from_record,
    "table": TableSource.from_record,
    "pixel csv": PixelCsvSource.from_record,
    "idx": IdxSource.from_record,
    "npz": NpzSource.from_record,
    "arrays": ArraySource.from_record,
    "zip": ZipSource.from_record,
    "tar": TarSource.from_record,
    "unpacked": lambda record: UnpackedSource.from_record(record, from_record),
    "saved": lambda record: SavedSource.from_record(record, from_record),
}
