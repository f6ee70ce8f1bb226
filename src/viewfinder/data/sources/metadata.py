"""Folders of pictures with a table beside them: Hugging Face's and Roboflow's.

`metadata.csv` (or `.jsonl`, `.parquet`) names files and labels; Roboflow's `_classes.csv` has a
column of 0 and 1 for each class. The file is at the top, or in the folder of each split:
https://huggingface.co/docs/datasets/image_dataset.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from viewfinder.core.errors import DataError
from viewfinder.data.dataset import Dataset, PassedOver
from viewfinder.data.sources.cells import Cells, opened_table, read_cells
from viewfinder.data.sources.columns import LABELS, column_named
from viewfinder.data.sources.folder_names import split_named
from viewfinder.data.sources.hints import Hints
from viewfinder.data.sources.roles import is_one_hot
from viewfinder.data.sources.table import TableSource, dataset_of_cells

_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_ONE_HOT = "_classes.csv"
_FILE_NAME = "file_name"


def is_metadata_name(name: str) -> bool:
    """Whether this is the name of a table that describes the pictures beside it."""
    return name in _NAMES or name == _ONE_HOT


class Metadata(NamedTuple):
    """The tables that name the pictures of a folder and of its split folders.

    Attributes:
        folder: The folder.
        labelled: The tables that have labels.
        unlabelled: The others, which describe something else, or pictures without labels.
    """

    folder: Path
    labelled: list[Path]
    unlabelled: list[Path]


def metadata_in(
    folder: Path, folders: Sequence[str], files: Sequence[str], label: str | None
) -> Metadata:
    """The tables of a folder that name pictures; `label` is their column of labels, if stated."""
    candidates = [folder / name for name in files if is_metadata_name(name)]
    inside = [name for name in folders if split_named(name)]
    candidates += [folder / part / name for part in inside for name in (*_NAMES, _ONE_HOT)]
    headers = {path: _header_of(path) for path in candidates if path.is_file()}
    tables = [path for path, header in headers.items() if header]
    labelled = [path for path in tables if _has_labels(path, headers[path], label)]
    if label and not labelled:  # reading them names their columns
        labelled = sorted(tables, key=lambda path: -len(headers[path]))
    return Metadata(folder, labelled, [path for path in tables if path not in labelled])


def without_labels(metadata: Metadata) -> DataError:
    """The error about tables that name pictures, where nothing else has their labels."""
    table = max(metadata.unlabelled, key=lambda path: len(_header_of(path)))
    others = [name for name in _header_of(table) if name != _FILE_NAME]
    return DataError(
        f"{table} has no column that is named like a label.",
        expected=f"{_FILE_NAME} and label, class, target or category",
        received=", ".join([_FILE_NAME, *others]),
        # The table of one split, opened alone, would be split at random.
        remedy=f"open {metadata.folder}, which has all splits, with `label_column={others[0]}`"
        if others
        else "add a column with the labels",
    )


def open_metadata(metadata: Metadata, hints: Hints) -> Dataset:
    """Open the pictures named by the metadata of a folder or of its split folders.

    A picture's split is in the column `split`, or else that of its folder.

    Raises:
        DataError: A table cannot be read, or none of the files exists.
    """
    hints.only("columns", "classes", kind="a folder with metadata.csv")
    folder, tables, unlabelled = metadata
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
    dataset = dataset_of_cells(TableSource(folder, folder), read, hints)
    skipped = [
        PassedOver(path.relative_to(folder).as_posix(), "a table without labels")
        for path in unlabelled
    ]
    skips = [f"{one.path} has no labels: its pictures are skipped." for one in skipped]
    return replace(dataset, passed_over=(*dataset.passed_over, *skipped)).noting(*skips)


def _header_of(path: Path) -> list[str]:
    """The table's columns, if it names pictures; none if it does not or cannot be read."""
    try:
        table = opened_table(path)
    except DataError:
        return []
    names_pictures = is_one_hot(table) if path.name == _ONE_HOT else _FILE_NAME in table.names
    return list(table.names) if names_pictures else []


def _has_labels(path: Path, header: Sequence[str], label: str | None) -> bool:
    if path.name == _ONE_HOT:
        return True
    return label in header if label else column_named(list(header), LABELS) is not None
