"""The paths in a source's record, so that what it names may move."""

from collections.abc import Callable, Iterator
from typing import Any

from viewfinder.errors import DataError

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
