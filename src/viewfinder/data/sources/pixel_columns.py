"""Which columns of a table of pixels hold the pixels, the labels and the splits."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.words import listed
from viewfinder.data.sources.columns import (
    FOLDS,
    GROUPS,
    LABELS,
    NUMBERS,
    PATHS,
    SPLITS,
    column_named,
    given_column,
)
from viewfinder.data.sources.delimited import (
    LONGEST_LINE,
    Delimited,
    count_of,
    is_number,
    names_pixels,
    numbered,
    read_columns,
)
from viewfinder.data.sources.folder_names import split_named

_MOST_NAMES = 12
# A row has to fit into a block of the reader.
ROWS = {"block_size": LONGEST_LINE, "newlines_in_values": True}


@dataclass(frozen=True)
class PixelColumns:
    """What the columns of a table of pixels are, by their indices.

    Attributes:
        label: The labels.
        pixels: The pixels; a single column if each cell holds all of a picture.
        texts: What other columns hold, by their indices: `split`, `group`, `fold`.
        is_named: Whether the labels' column was given, or found by its name.
        size: Height and width, where the cells are lists of rows.
        note: Names what was ignored; or "".
    """

    label: int
    pixels: tuple[int, ...]
    texts: dict[int, str]
    is_named: bool
    size: tuple[int, int] | None
    note: str

    @property
    def are_lists(self) -> bool:
        """Whether each cell holds all pixels of a picture."""
        return len(self.pixels) == 1


def pixel_columns(sniffed: Delimited, given: str | None, group: str | None = None) -> PixelColumns:
    """Resolve the columns: by their names, or by the cells of the first row.

    Args:
        sniffed: The table.
        given: The name or index of the labels' column; None to find it.
        group: The same of the groups' column.

    Raises:
        UsageError: The given column does not exist, or is both given ones.
        DataError: There are no rows, or it is not clear which column holds the labels.
    """
    width = len(sniffed.first)
    if not width:
        raise DataError(f"{sniffed.path} has no rows.", expected="a row for each picture")
    header = list(sniffed.header or map(str, range(width)))
    name = given_column(header, given) or (column_named(header, LABELS) if sniffed.header else None)
    label = None if name is None else header.index(name)
    at = sniffed.pixel_list
    pixels = frozenset({at}) if at is not None else numbered(sniffed.header or ())
    beside = [index for index in range(width) if index not in pixels and index != label]
    groups = given_column(header, group)
    texts = {index: _text_of(sniffed, index) for index in beside}
    if groups is not None:
        texts = {index: "" if what == "group" else what for index, what in texts.items()}
        texts[header.index(groups)] = "group"
    texts = {index: what for index, what in texts.items() if what}
    numbers = {
        index
        for index in beside
        if sniffed.header and column_named([header[index]], (*NUMBERS, *PATHS)) is not None
    }
    possible = [index for index in beside if index not in numbers and index not in texts]
    if label is None:
        if pixels and len(possible) == 1:
            label = possible[0]
        elif at is not None or (pixels and (possible or names_pixels(header))):
            raise _no_label(sniffed.path, [header[index] for index in possible], header)
        elif any(not is_number(sniffed.first[index]) for index in numbers):
            raise _transposed(sniffed.path)
        else:
            label = _by_cells(sniffed, sorted(pixels or possible))
    if not pixels:
        pixels = frozenset(possible)
    if label in texts:
        raise UsageError(
            f"The column {header[label]!r} holds the labels, and cannot hold the groups.",
            remedy="choose another `group_by`",
        )
    pixels -= {label, *texts}
    ignored = [header[index] for index in beside if index not in {*pixels, *texts, label}]
    size = None if at is None else _size_of(sniffed.first[at], sniffed.path)
    note = _note(sniffed.path.name, ignored)
    return PixelColumns(label, tuple(sorted(pixels)), texts, name is not None, size, note)


def _size_of(cell: str, path: Path) -> tuple[int, int] | None:
    """Height and width of a list of rows; None for a list of numbers, or of rows of RGB.

    Raises:
        DataError: The innermost lists are neither rows nor the channels of a pixel.
    """
    marks = re.sub(r"[^\[\]]", "", cell)
    innermost = marks.count("[]")
    if innermost < 2:
        return None
    each = count_of(cell) // innermost
    if "[[[" not in marks:
        return innermost, each
    if each not in (1, 3, 4):
        raise DataError(
            f"The lists in {path} do not have the shape of pictures.",
            expected="height × width, optionally × channels (1, 3 or 4)",
            received=f"innermost lists of {each} numbers",
            remedy="write the table again with the channels last: `np.moveaxis(image, 0, -1)`",
        )
    height = marks.count("[[]")
    return height, innermost // height


def _note(table: str, ignored: list[str]) -> str:
    if ignored == [""] or ignored == ["Unnamed: 0"]:
        return f"The first column of {table} was ignored, because it numbers the rows."
    return f"Columns of {table} that were ignored: {listed(ignored, _MOST_NAMES)}." * bool(ignored)


def _transposed(path: Path) -> DataError:
    return DataError(
        f"The rows of {path} have names, but no labels: each column may be a picture.",
        expected="a row for each picture, and a column named label",
        remedy=f"pandas.read_csv({str(path)!r}, index_col=0).T.to_csv('pictures.csv', index=False)",
    )


def _no_label(path: Path, possible: list[str], header: list[str]) -> DataError:
    names = listed(possible or header, _MOST_NAMES)
    return DataError(
        f"It is not clear which column of {path} holds the labels.",
        expected="a column named label or class, or one column beside those of the pixels",
        received=names if possible else f"no column beside the pixels: {names}",
        remedy=f"state it, such as `label_column={possible[0]}`"
        if possible
        else "add a column named label",
    )


def _text_of(sniffed: Delimited, index: int) -> str:
    """What a column beside the pixels holds: "split", "group", "fold", or ""."""
    if sniffed.header is None:
        return "split" if _holds_splits(sniffed, index) else ""
    of = {"split": SPLITS, "group": GROUPS, "fold": FOLDS}
    name = [sniffed.header[index]]
    return next((what for what, names in of.items() if column_named(name, names)), "")


def _holds_splits(sniffed: Delimited, index: int) -> bool:
    if not split_named(sniffed.first[index]):
        return False
    names = [str(at) for at in range(len(sniffed.first))]
    try:
        read = read_columns(sniffed, names, {names[index]: pa.string()}, **ROWS)
    except pa.ArrowInvalid:  # reading it whole names the row
        return False
    return all(split_named(cell or "") for cell in read.columns[0].unique().to_pylist())


def _by_cells(sniffed: Delimited, columns: list[int]) -> int:
    """The column of labels in a table that names none: that of words, or usually the first.

    The last, if only that one has the numbers of labels: at least two, from 0 or 1, without wide
    gaps. A picture's corner has a single level, or many.
    """
    words = [index for index in columns if not is_number(sniffed.first[index])]
    if words:
        return words[0]
    first, last = columns[0], columns[-1]
    names = [str(index) for index in range(len(sniffed.first))]
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


def require_no_splits(file: Path, column: int, labels: pd.Series) -> None:
    """Raise `DataError` if what was taken for labels are names of splits."""
    if all(split_named(str(label)) for label in labels.unique()):
        raise DataError(
            f"Column {column} of {file}, numbered from 0, holds splits, not labels.",
            expected="a label and the pixels in each row",
            remedy="name the column `split`, and add one named `label`",
        )
