"""Tables of paths and labels: CSV, TSV, Parquet, or a pandas DataFrame."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from typing_extensions import override

from viewfinder.core.errors import DataError, UsageError
from viewfinder.data.dataset import UNSPLIT, Dataset, PassedOver
from viewfinder.data.source import Source
from viewfinder.data.sources.assemble import assemble
from viewfinder.data.sources.cells import Cells, chosen_cells, read_cells, table_of_frame
from viewfinder.data.sources.columns import as_splits, of_several
from viewfinder.data.sources.files import FileSource
from viewfinder.data.sources.hints import Columns, Hints
from viewfinder.data.sources.paths import found_files, note_strays, plain_paths, with_folders_opened
from viewfinder.data.splits.folds import FOLD


@dataclass(frozen=True)
class TableSource(FileSource):
    """Picture files named by a table; a locator is a path as written in the table.

    Attributes:
        root: The folder that relative paths start at. Absolute paths, and those with `..`, may
            lead out of it.
        file: The table, or the folder with the metadata; None if the table is in memory.
    """

    root: Path
    file: Path | None = None

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
        UsageError: It is no table, or a given column does not exist.
    """
    names = list(classes) if classes is not None else None
    hints = Hints(root=None if root is None else str(root), columns=columns, classes=names)
    if isinstance(table, pd.DataFrame):
        folder = Path(root) if root is not None else Path()
        cells = chosen_cells(table_of_frame(table, "The table"), columns)
        return dataset_of_cells(TableSource(folder), cells, hints)
    if not isinstance(table, str | os.PathLike):
        raise UsageError(
            "`table` is neither a path nor a pandas DataFrame.",
            expected="a path or a DataFrame",
            received=type(table).__name__,
            remedy="pandas.DataFrame(table) makes one of rows or columns",
        )
    return open_table_file(Path(table), hints)


def open_table_file(file: Path, hints: Hints = Hints()) -> Dataset:
    """Open a file as :func:`open_table` does, with hints."""
    hints.only("root", "columns", "classes", kind="a table of paths")
    folder = Path(hints.root) if hints.root is not None else file.parent
    return dataset_of_cells(TableSource(folder, file), read_cells(file, hints.columns), hints)


def dataset_of_cells(source: TableSource, read: Cells, hints: Hints) -> Dataset:
    """Return the dataset of a table's cells.

    Raises:
        DataError: No row can be used, none of the files exists, or there is only one class.
    """
    cells, notes = read.table, [read.note]
    cells = cells.assign(path=plain_paths(cells["path"], source.root, notes))
    cells = with_folders_opened(cells, source.root, notes)
    table, passed_over = labelled_rows(source, cells, notes)
    table["locator"], table["bytes"] = found_files(source, source.root, table["locator"], notes)
    if not table["locator"].is_unique:
        raise DataError(
            f"Two paths of {source} stand for one file.",
            received=str(table["locator"][table["locator"].duplicated()].iloc[0]),
            remedy="write each path with its ending",
        )
    note_strays(source, source.root, table["locator"], notes, is_foreign=hints.is_foreign)
    return assemble(source, table, passed_over=passed_over, notes=notes, classes=hints.classes)


def labelled_rows(
    source: Source, cells: pd.DataFrame, notes: list[str]
) -> tuple[pd.DataFrame, list[PassedOver]]:
    """The rows with a locator and a single label as a dataset's table; and the skipped rows.

    Args:
        source: For messages.
        cells: As in :class:`Cells`, with a locator as `path`.
        notes: Receives what the user should know.

    Raises:
        DataError: There are no rows, none can be used, or most have several labels.
    """
    if not len(cells):
        raise DataError(f"{source} has no rows.", expected="a row for each picture")
    split = as_splits(cells["split"], str(source)) if "split" in cells else UNSPLIT
    table = pd.DataFrame({"locator": cells["path"], "label": cells["label"], "split": split})
    for column in ("group", FOLD):
        if column in cells:
            table[column] = cells[column]
    several = cells["several"] if "several" in cells else of_several(cells["label"])
    _require_single(source, several)
    table, passed_over = _without_ambiguous(table, several, notes)
    if not len(table):
        raise DataError(f"No row of {source} has both a path and a label.")
    return table, passed_over


def _require_single(source: Source, several: pd.Series) -> None:
    """Raise `DataError` if most rows have several labels."""
    count = int((several != "").sum())
    if count <= len(several) / 2:
        return
    raise DataError(
        f"Most rows of {source} have several labels.",
        expected="one label for each picture",
        received=f"{count:,} of {len(several):,} rows with several, such as "
        f"{several[several != ''].iloc[0]}",
        remedy="keep one label of each row, in a column of its own; or set `label_column` to a "
        "column that has one",
    )


def _without_ambiguous(
    table: pd.DataFrame, several: pd.Series, notes: list[str]
) -> tuple[pd.DataFrame, list[PassedOver]]:
    """The rows with a path and a single label for it; and the skipped rows, with the reason."""
    passed_over: list[PassedOver] = []

    def skip(rows: pd.Series, why: str) -> None:
        nonlocal table
        passed_over.extend(PassedOver(path, why) for path in table["locator"][rows].tolist())
        table = table[~rows].reset_index(drop=True)

    if (are_several := several != "").any():
        found = zip(table["locator"][are_several], several[are_several], strict=True)
        passed_over += [
            PassedOver(path, f"it has several labels: {names}") for path, names in found
        ]
        notes.append(f"Rows with several labels, which were skipped: {are_several.sum():,}.")
        table = table[~are_several].reset_index(drop=True)
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
