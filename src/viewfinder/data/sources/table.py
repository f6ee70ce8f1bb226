"""Tables of paths and labels: CSV, TSV, Parquet, or a pandas DataFrame."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from typing_extensions import override

from viewfinder.core.errors import DataError
from viewfinder.data.dataset import UNSPLIT, Dataset, PassedOver
from viewfinder.data.source import Source, Stamp
from viewfinder.data.sources.assemble import assemble
from viewfinder.data.sources.cells import chosen_cells, read_cells
from viewfinder.data.sources.columns import as_splits, find_columns
from viewfinder.data.sources.folder import stamp_of
from viewfinder.data.sources.hints import Columns, Hints
from viewfinder.pictures.files import bytes_of

# The size of a missing file.
NO_FILE = -1


@dataclass(frozen=True)
class TableSource(Source):
    """Picture files named by a table; a locator is a path as written in the table.

    Attributes:
        root: The folder that relative paths start at. Absolute paths, and those with `..`, may
            lead out of it.
        file: The table, or the folder with the metadata; None if the table is in memory.
    """

    root: Path
    file: Path | None = None

    @override
    def read(self, locator: str) -> bytes:
        return bytes_of(self.file_of(locator))

    @override
    def stamp(self, locator: str) -> Stamp:
        return stamp_of(self.file_of(locator))

    @override
    def file_of(self, locator: str) -> Path:
        return self.root / locator

    @override
    def record(self) -> dict[str, Any]:
        file = str(self.file.resolve()) if self.file else None
        root = str(self.root.resolve())
        return {"kind": "table", "path": file or root, "root": root, "file": file}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "TableSource":
        """Return the source that `record` describes."""
        return cls(Path(record["root"]), Path(record["file"]) if record["file"] else None)

    def __str__(self) -> str:
        return str(self.file or self.root)


def open_table(
    table: str | Path | pd.DataFrame,
    *,
    root: str | Path | None = None,
    columns: Columns = Columns(),
    classes: Iterable[str] | None = None,
) -> Dataset:
    """Open the pictures and labels in a table.

    Args:
        table: A CSV (commas, semicolons, tabs …; with or without a header) or Parquet file, or a
            pandas DataFrame, with a row for each picture.
        root: The folder that relative paths start at; by default the table's, or the current one.
        columns: Which columns to use; by default found by their names: `path`, `file_name`,
            `image` … and `label`, `class`, `target`, `category`; optionally `split` and `group`.
        classes: The classes' names in the order of the model's outputs; by default the labels.

    Raises:
        DataError: The columns are missing, there are no rows, none of the files exists, or there is
            only one class.
        UsageError: A given column does not exist.
    """
    names = list(classes) if classes is not None else None
    hints = Hints(root=None if root is None else str(root), columns=columns, classes=names)
    if isinstance(table, pd.DataFrame):
        folder = Path(root) if root is not None else Path()
        found = find_columns([str(name) for name in table.columns], columns, "The table")
        cells = chosen_cells(table.set_axis([str(name) for name in table.columns], axis=1), found)
        return dataset_of_cells(TableSource(folder), cells, hints)
    return open_table_file(Path(table), hints)


def open_table_file(file: Path, hints: Hints = Hints()) -> Dataset:
    """Open a file as :func:`open_table` does, with hints."""
    hints.only("root", "columns", "classes", kind="a table of paths")
    folder = Path(hints.root) if hints.root is not None else file.parent
    return dataset_of_cells(TableSource(folder, file), read_cells(file, hints.columns), hints)


def dataset_of_cells(source: TableSource, cells: pd.DataFrame, hints: Hints) -> Dataset:
    """Return the dataset of a table's cells, as `read_cells` returns them.

    Raises:
        DataError: No row can be used, none of the files exists, or there is only one class.
    """
    if not len(cells):
        raise DataError(f"{source} has no rows.", expected="a row for each picture")
    notes: list[str] = []
    paths, label = _plain_paths(cells["path"], source.root, notes), cells["label"]
    split = as_splits(cells["split"], str(source)) if "split" in cells else UNSPLIT
    table = pd.DataFrame({"locator": paths, "label": label, "split": split})
    if "group" in cells:
        table["group"] = cells["group"]
    table, passed_over = _without_ambiguous(table, notes)
    if not len(table):
        raise DataError(f"No row of {source} has both a path and a label.")
    table["bytes"] = _sizes(source, table["locator"], notes)
    _note_strays(source, table["locator"], hints, notes)
    return assemble(source, table, passed_over=passed_over, notes=notes, classes=hints.classes)


def _plain_paths(paths: pd.Series, root: Path, notes: list[str]) -> pd.Series:
    """Normalize the paths, because a picture's path is its identity."""
    if os.sep == "/":
        with_backslash = paths[paths.str.contains("\\", regex=False)]
        if len(with_backslash) and not (root / str(with_backslash.iloc[0])).exists():
            notes.append("Backslashes in the paths were read as slashes.")
            paths = paths.str.replace("\\", "/", regex=False)
    unusual = paths.str.contains(r"(?:^|/)\.?/.|/$", regex=True)
    if unusual.any():
        plain = paths[unusual].str.replace(r"(?<=.)/(?:\.?/)+", "/", regex=True)
        paths = paths.where(~unusual, plain.str.replace(r"^(?:\./+)+", "", regex=True))
    return paths


def _without_ambiguous(
    table: pd.DataFrame, notes: list[str]
) -> tuple[pd.DataFrame, list[PassedOver]]:
    """The rows with a path and a single label for it; and the skipped rows, with the reason."""
    passed_over: list[PassedOver] = []

    def skip(rows: pd.Series, why: str) -> None:
        nonlocal table
        passed_over.extend(PassedOver(path, why) for path in table["locator"][rows].tolist())
        table = table[~rows].reset_index(drop=True)

    without_path = table.index[table["locator"] == ""]
    passed_over += [PassedOver(f"row {row + 1}", "it has no path") for row in without_path]
    table = table[table["locator"] != ""].reset_index(drop=True)
    skip(table["label"] == "", "it has no label in the table")
    if table["locator"].is_unique:
        return table, passed_over
    repeated = table.duplicated()
    if repeated.any():
        notes.append(f"Rows that repeat another row: {repeated.sum():,}.")
        table = table[~repeated].reset_index(drop=True)
    ambiguous = table["locator"].duplicated(keep=False)
    skip(ambiguous, "the table has different rows for it")
    return table, passed_over


def _sizes(source: TableSource, locators: pd.Series, notes: list[str]) -> np.ndarray:
    """Each file's size, int64; `NO_FILE` for missing files.

    Raises:
        DataError: None of the files exists.
    """
    # For a million files, this is twice as fast as pathlib.
    stat, is_absolute = os.stat, os.path.isabs
    prefix = os.path.join(source.root, "")  # noqa: PTH118

    def size(locator: str) -> int:
        try:
            return stat(locator if is_absolute(locator) else prefix + locator).st_size
        except (OSError, ValueError):
            return NO_FILE

    sizes = np.fromiter(map(size, locators.tolist()), np.int64, len(locators))
    missing = int((sizes == NO_FILE).sum())
    if missing == len(sizes):
        raise DataError(
            f"None of the {missing:,} files in {source} exists.",
            expected=f"paths relative to {source.root.resolve()}",
            received=str(locators.iloc[0]),
            remedy="set `root` to the folder that the paths start at",
        )
    if missing:
        first = locators[sizes == NO_FILE].iloc[0]
        notes.append(f"{missing:,} of {len(sizes):,} files are missing, the first {first}.")
    return sizes


def _note_strays(source: TableSource, locators: pd.Series, hints: Hints, notes: list[str]) -> None:
    """Note paths that lead out of the root; refuse them in a table from an archive."""
    strays = locators[locators.str.contains(r"^(?:/|[A-Za-z]:)|(?:^|/)\.\.(?:/|$)", regex=True)]
    if not len(strays):
        return
    if hints.is_foreign:
        raise DataError(
            f"{source} names files outside of its archive.",
            expected="paths below the table's folder",
            received=str(strays.iloc[0]),
        )
    notes.append(
        f"{len(strays):,} paths are absolute or lead out of {source.root}, the first "
        f"{strays.iloc[0]}."
    )
