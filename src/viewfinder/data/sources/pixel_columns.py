"""Which column of a table of pixels holds the labels."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from viewfinder.core.errors import DataError
from viewfinder.data.sources.columns import LABELS, column_named, given_column
from viewfinder.data.sources.delimited import Delimited, is_number, read_columns
from viewfinder.data.sources.folder_names import split_named


def require_no_splits(file: Path, column: int, labels: pd.Series) -> None:
    """Raise `DataError` if what was taken for labels are names of splits."""
    if all(split_named(str(label)) for label in labels.unique()):
        raise DataError(
            f"Column {column} of {file}, numbered from 0, holds splits, not labels.",
            expected="a label and the pixels in each row",
            remedy="write a table for each split; or name the labels' column by `label_column`",
        )


def label_and_ignored(sniffed: Delimited, given: str | None) -> tuple[int, frozenset[int]]:
    """The index of the label's column, and those of columns to ignore."""
    width = len(sniffed.first)
    if not width:
        raise DataError(f"{sniffed.path} has no rows.", expected="a row for each picture")
    # pandas writes the row's number into a first column without a name.
    is_index = sniffed.header is not None and sniffed.header[0] in ("", "Unnamed: 0")
    header = list(sniffed.header or map(str, range(width)))
    ignored = frozenset({0} if is_index else ())
    name = given_column(header, given) or (column_named(header, LABELS) if sniffed.header else None)
    if name is not None:
        return header.index(name), ignored
    words = [index for index, cell in enumerate(sniffed.first) if not is_number(cell)]
    return (words[0] if words else _first_or_last(sniffed, len(ignored))), ignored


def _first_or_last(sniffed: Delimited, first: int) -> int:
    """The column of labels in a table of numbers that names none: usually the first.

    The last, if only that one has the numbers of labels: at least two, from 0 or 1, without wide
    gaps. A picture's corner has a single level, or many.
    """
    last = len(sniffed.first) - 1
    names = [str(index) for index in range(last + 1)]
    try:
        read = read_columns(sniffed, names, {names[at]: pa.float64() for at in (first, last)})
    except pa.ArrowInvalid:  # reading it whole names the row
        return first
    are_labels = [_are_labels(column.to_numpy()) for column in read.columns]
    return last if are_labels == [False, True] else first


def _are_labels(numbers: NDArray[np.float64]) -> bool:
    found = np.unique(numbers)
    return bool(
        len(found) > 1
        and found[0] in (0, 1)
        and np.all(found % 1 == 0)
        and found[-1] < 2 * len(found)
    )
