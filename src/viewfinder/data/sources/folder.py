"""Pictures in folders, of classes and perhaps of splits, or flat with labels in the names.

Listing a folder opens no file: reading a file later shows whether it is a picture. Only hidden
files and system folders are skipped here.
"""

import os
import stat
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from typing_extensions import override

from viewfinder.core.errors import DataError, Reason, RejectedPicture
from viewfinder.data.dataset import Dataset
from viewfinder.data.source import Source
from viewfinder.data.sources.assemble import assemble
from viewfinder.data.sources.files import FileSource
from viewfinder.data.sources.hints import Hints
from viewfinder.data.sources.labelling import label_files
from viewfinder.data.sources.listing import (
    HIDDEN,
    NOT_UNICODE,
    File,
    Labelled,
    Listing,
    is_system_name,
    is_unicode,
    leads_out,
)

# The hints that apply to folders and archives of pictures.
OF_FOLDERS = ("label_from", "classes", "layout", "splits")
_ONE_CLASS = "add pictures of another class; or set `label_from` if file names contain the label"


@dataclass(frozen=True)
class FolderSource(FileSource):
    """Picture files below a folder; a locator is a path relative to it, with forward slashes."""

    root: Path

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
    hints.only(*OF_FOLDERS, kind="folders of pictures")
    return dataset_of_files(FolderSource(root), list_folder(root), hints)


def dataset_of_files(
    source: Source, listing: Listing, hints: Hints, *, holder: str = "folder"
) -> Dataset:
    """The dataset of a folder's or an archive's files; `holder` says which.

    Raises:
        DataError: No pictures, no classes, only one class, or an ambiguous layout.
        UsageError: A hint does not fit the files.
    """
    rows, notes, layout = label_files(listing, str(source), hints, holder=holder)
    dataset = assemble(
        source,
        table_of_files(rows),
        passed_over=listing.passed_over,
        notes=notes,
        classes=hints.classes,
        remedy=_ONE_CLASS,
        needs_labels=hints.needs_labels,
    )
    return replace(dataset, layout=layout)


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


def _identity(folder: str | Path) -> tuple[int, int | str]:
    status = os.stat(folder)  # noqa: PTH116
    # Some file systems have no numbers.
    return status.st_dev, status.st_ino or os.path.realpath(folder)


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """The entry's status, links followed; None for broken links."""
    try:
        return entry.stat()
    except OSError:
        return None
