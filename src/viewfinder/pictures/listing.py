"""The files that paths, folders and globs name, one at a time."""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.files import kind_of


def files_at(patterns: Iterable[str]) -> Iterator[str]:
    """Yield the files that the patterns name, sorted; a folder stands for all visible files in it.

    The memory holds the names in one folder, and those that one glob matches.

    Raises:
        UsageError: A pattern names nothing.
        DataError: A folder cannot be listed.
    """
    for pattern in patterns:
        names = [pattern] if os.path.exists(pattern) else glob.glob(pattern, recursive=True)  # noqa: PTH110, PTH207 (absolute patterns, names that are too long)
        matches = [str(Path(name)) for name in names if os.path.exists(name)]  # noqa: PTH110
        if not matches:
            raise UsageError(
                f"There is nothing at {pattern}.", expected="a picture, a folder or a glob"
            )
        yield from _each_once(sorted(matches, key=lambda name: Path(name).parts))


def _each_once(matches: list[str]) -> Iterator[str]:
    """Yield the files of sorted matches; `**` names folders and the files in them."""
    folders: list[str] = []
    for match in matches:
        while folders and not match.startswith(os.path.join(folders[-1], "")):  # noqa: PTH118
            folders.pop()
        is_folder = os.path.isdir(match)  # noqa: PTH112
        if folders and not (is_folder and os.path.islink(match)):  # noqa: PTH114
            continue
        if is_folder:
            folders.append(match)
            yield from _below(match)
        else:
            yield match


def _below(folder: str) -> Iterator[str]:
    """Yield the visible files below a folder; links to folders are not followed."""
    try:
        with os.scandir(folder) as listed:
            entries = {
                entry.name: entry.is_dir(follow_symlinks=False)
                for entry in listed
                if not entry.name.startswith(".")
                and (entry.is_dir(follow_symlinks=False) or kind_of(entry) == "file")
            }
    except OSError as error:
        raise DataError(f"Cannot list {folder}: {error.strerror}.") from error
    for name in sorted(entries):
        path = os.path.join(folder, name)  # noqa: PTH118
        if entries[name]:
            yield from _below(path)
        else:
            yield path
