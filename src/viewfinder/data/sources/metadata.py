"""Folders of pictures with a table beside them: Hugging Face's and Roboflow's.

`metadata.csv` (or `.jsonl`, `.parquet`) names files and labels; Roboflow's `_classes.csv` has a
column of 0 and 1 for each class. The file is at the top, or in the folder of each split:
https://huggingface.co/docs/datasets/image_dataset.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from viewfinder.core.errors import DataError
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources.cells import Cells, opened_table, read_cells
from viewfinder.data.sources.columns import LABELS, column_named
from viewfinder.data.sources.hints import Hints
from viewfinder.data.sources.layout import split_named
from viewfinder.data.sources.roles import is_one_hot
from viewfinder.data.sources.table import TableSource, dataset_of_cells

_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_ONE_HOT = "_classes.csv"
_FILE_NAME = "file_name"


def is_metadata_name(name: str) -> bool:
    """Whether this is the name of a table that describes the pictures beside it."""
    return name in _NAMES or name == _ONE_HOT


def metadata_files(folder: Path, folders: Sequence[str], files: Sequence[str]) -> list[Path]:
    """The tables that describe the pictures in a folder and in its split folders.

    A table without `file_name` and a label describes something else, and is left out.
    """
    candidates = [folder / name for name in files if is_metadata_name(name)]
    inside = [name for name in folders if split_named(name)]
    candidates += [folder / part / name for part in inside for name in (*_NAMES, _ONE_HOT)]
    return [path for path in candidates if path.is_file() and _describes_pictures(path)]


def open_metadata(folder: Path, tables: Sequence[Path], hints: Hints) -> Dataset:
    """Open the pictures named by the metadata of a folder or of its split folders.

    A picture's split is in the column `split`, or else that of its folder.

    Raises:
        DataError: A table cannot be read, or none of the files exists.
    """
    hints.only("columns", "classes", kind="a folder with metadata.csv")
    parts: list[pd.DataFrame] = []
    notes: dict[str, None] = {}
    for table in tables:
        path = hints.columns.path or (None if table.name == _ONE_HOT else _FILE_NAME)
        cells, note = read_cells(table, replace(hints.columns, path=path))
        notes[note] = None
        if table.parent != folder:
            cells["path"] = f"{table.parent.name}/" + cells["path"]
        parts.append(cells)
    cells = pd.concat(parts, ignore_index=True)
    if "split" not in cells:
        tops = cells["path"].str.split("/", n=1).str[0]
        is_below = cells["path"].str.contains("/", regex=False)
        names = {top: split_named(top) or "" for top in tops.unique()}
        cells["split"] = tops.map(names).where(is_below, "")
    read = Cells(cells.fillna(""), " ".join(notes))
    return dataset_of_cells(TableSource(folder, folder), read, hints)


def _describes_pictures(path: Path) -> bool:
    try:
        table = opened_table(path)
    except DataError:
        return False
    if path.name == _ONE_HOT:
        return is_one_hot(table)
    return _FILE_NAME in table.names and column_named(table.names, LABELS) is not None
