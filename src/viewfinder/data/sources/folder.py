"""Pictures in folders: `root/class/*`, `root/split/class/*`, or flat with labels in the names.

Listing a folder opens no file: reading a file later shows whether it is a picture. Only hidden
files and system folders are skipped here.
"""

import os
import stat
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from typing_extensions import override

from viewfinder.core.errors import DataError, Reason, RejectedPicture
from viewfinder.core.files import regular_status
from viewfinder.data.dataset import Dataset
from viewfinder.data.source import Source, Stamp
from viewfinder.data.sources.assemble import assemble
from viewfinder.data.sources.hints import Hints
from viewfinder.data.sources.layout import (
    HIDDEN,
    NOT_UNICODE,
    File,
    Labelled,
    Listing,
    is_system_name,
    is_unicode,
    label_files,
    leads_out,
)
from viewfinder.pictures.files import bytes_of, unreadable

ONE_CLASS = "add pictures of another class; or set `label_from` if file names contain the label"


@dataclass(frozen=True)
class FolderSource(Source):
    """Picture files below a folder; a locator is a path relative to it, with forward slashes."""

    root: Path

    @override
    def read(self, locator: str) -> bytes:
        return bytes_of(self.file_of(locator))

    @override
    def stamp(self, locator: str) -> Stamp:
        return stamp_of(self.file_of(locator))

    @override
    def file_of(self, locator: str) -> Path:
        # Listing returns no such locators; a saved table from elsewhere may have some.
        if leads_out(locator):
            raise RejectedPicture(Reason.MISSING, "its path leads out of the folder")
        return self.root / locator

    @override
    def record(self) -> dict[str, Any]:
        return {"kind": "folder", "path": str(self.root.resolve())}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "FolderSource":
        """Return the source that `record` describes."""
        return cls(Path(record["path"]))

    def __str__(self) -> str:
        return str(self.root)


def open_folder(root: Path, hints: Hints = Hints()) -> Dataset:
    """List a folder's pictures; the layout follows from the folders' names.

    Raises:
        DataError: No pictures, no classes, or only one class.
        UsageError: `label_from` is not a regular expression with a group, or matches no file.
    """
    hints.only("label_from", "classes", kind="folders of pictures")
    listing = list_folder(root)
    rows, notes = label_files(
        listing, str(root), label_from=hints.label_from, needs_labels=hints.needs_labels
    )
    return assemble(
        FolderSource(root),
        table_of_files(rows),
        passed_over=listing.passed_over,
        notes=notes,
        classes=hints.classes,
        remedy=ONE_CLASS,
        needs_labels=hints.needs_labels,
    )


def table_of_files(rows: Iterable[Labelled]) -> pd.DataFrame:
    """A dataset's table, with a row for each file."""
    rows = list(rows)
    return pd.DataFrame(
        {
            "locator": ["/".join(row.file.parts) for row in rows],
            "label": [row.label for row in rows],
            "split": [row.split for row in rows],
            "bytes": [row.file.bytes for row in rows],
        }
    )


def list_folder(root: Path) -> Listing:
    """List everything below the root; hidden folders are skipped."""
    listing = Listing()
    # A link may lead back to the root or to a folder around it.
    seen = {_identity(parent) for parent in root.resolve().parents}
    folders: deque[tuple[str, tuple[str, ...]]] = deque([(str(root), ())])
    # Real folders come first, so that a picture is listed under its real path.
    links: deque[tuple[str, tuple[str, ...]]] = deque()
    while folders or links:
        folder, parts = (folders or links).popleft()
        if (identity := _identity(folder)) in seen:
            listing.pass_over(parts, "a link to a folder that is listed already")
            continue
        seen.add(identity)
        entries = _entries(folder)
        if parts and not entries:
            listing.pass_over(parts, "an empty folder")
        for entry in entries:
            below, status = (*parts, entry.name), _status(entry)
            if not is_unicode(entry.name):
                listing.pass_over(below, NOT_UNICODE)
            elif is_system_name(entry.name):
                listing.pass_over(below, HIDDEN)
            elif status and stat.S_ISREG(status.st_mode):
                listing.files.append(File(below, status.st_size))
            elif status and stat.S_ISDIR(status.st_mode):
                (links if entry.is_symlink() else folders).append((entry.path, below))
            else:
                listing.pass_over(below, "a broken link or a special file")
    return listing


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"Cannot list {folder}: {error.strerror}.") from error


def _identity(folder: str | Path) -> tuple[int, int]:
    status = Path(folder).stat()
    return status.st_dev, status.st_ino


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """The entry's status, links followed; None for broken links."""
    try:
        return entry.stat()
    except OSError:
        return None


def stamp_of(file: Path) -> Stamp:
    """A file's size and modification time.

    Raises:
        RejectedPicture: The file is missing, or no regular file.
    """
    try:
        status = regular_status(file)
    except (OSError, ValueError) as error:
        raise unreadable(error) from error
    return Stamp(status.st_size, status.st_mtime_ns)
