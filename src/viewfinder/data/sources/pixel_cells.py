"""The cells of a table of pixels: the numbers of each picture, its label and its split."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from viewfinder.core.errors import DataError
from viewfinder.data.sources.columns import as_folds, as_labels, as_splits, as_text
from viewfinder.data.sources.delimited import (
    Delimited,
    count_of,
    is_number,
    not_utf8,
    numbers_in,
    open_text,
    read_batches,
    read_columns,
)
from viewfinder.data.sources.pixel_columns import ROWS, PixelColumns

# A row has to fit into a block of the reader.
_BLOCK_BYTES = 4 << 20
# Marks between numbers become blanks, and the mark between cells a new line.
_PLAIN = bytes.maketrans(b",;()[]\t\r\n\x1e", b" " * 9 + b"\n")
_LEVELS = "integers from 0 to 255, or fractions from 0 to 1"


class Rows(NamedTuple):
    """The rows of a table of pixels.

    Attributes:
        numbers: uint8 or float32, shape `(rows, pixels)`.
        cells: The columns `label`, and where the table has them, `split`, `group` and `fold`.
    """

    numbers: NDArray[np.generic]
    cells: pd.DataFrame


def read_rows(sniffed: Delimited, columns: PixelColumns, white: float) -> Rows:
    """Read all rows; no number may be above `white`.

    Raises:
        DataError: A cell is missing or no number, or rows have different lengths; with its line.
    """
    for kind in (pa.uint8(), pa.float32()):
        try:
            read = _lists if columns.are_lists else _wide
            numbers, cells = read(sniffed, columns, kind)
        except pa.ArrowInvalid as error:
            if kind == pa.float32():
                raise _first_fault(sniffed, columns) from error
            continue
        if numbers.size and float(numbers.max()) > white:
            raise _too_bright(sniffed, numbers, white)
        cells = cells.apply(as_text)
        cells["label"] = as_labels(cells["label"])
        if (cells["label"] == "").any():
            raise _first_fault(sniffed, columns)
        if "split" in cells:
            cells["split"] = as_splits(cells["split"], str(sniffed.path))
        folds = as_folds(cells.pop("fold")) if "fold" in cells else None
        if folds is not None:
            cells["fold"] = folds
        return Rows(numbers, cells)
    raise AssertionError("the last type returns or raises")


def _wide(
    sniffed: Delimited, columns: PixelColumns, kind: Any
) -> tuple[NDArray[np.generic], pd.DataFrame]:
    names = [str(index) for index in range(len(sniffed.first))]
    pixels, texts = [names[index] for index in columns.pixels], _texts(columns)
    types = dict.fromkeys(pixels, kind) | dict.fromkeys(texts, pa.string())
    read = read_columns(sniffed, names, types, block_size=max(_BLOCK_BYTES, 64 * len(names)))
    if any(column.null_count for column in read.columns):
        raise pa.ArrowInvalid("a cell is empty")
    return _stacked(read, pixels, kind), read.select(list(texts)).to_pandas().rename(columns=texts)


def _texts(columns: PixelColumns) -> dict[str, str]:
    """What the columns that are read as text hold, by their names."""
    return {str(columns.label): "label"} | {str(at): what for at, what in columns.texts.items()}


def _lists(
    sniffed: Delimited, columns: PixelColumns, kind: Any
) -> tuple[NDArray[np.generic], pd.DataFrame]:
    names = [str(index) for index in range(len(sniffed.first))]
    (at,) = columns.pixels
    count, texts = count_of(sniffed.first[at]), _texts(columns)
    types = dict.fromkeys((names[at], *texts), pa.string())
    numbers, cells = [], []
    for batch in read_batches(sniffed, names, types, **ROWS):
        numbers.append(_split_up(batch.column(names[at]), count, kind))
        cells.append(batch.select(list(texts)).to_pandas().rename(columns=texts))
    return np.concatenate(numbers), pd.concat(cells, ignore_index=True)


def _split_up(lists: Any, count: int, kind: Any) -> NDArray[np.generic]:
    """The numbers in cells of text, `count` in each, as rows."""
    if lists.null_count:
        raise pa.ArrowInvalid("a cell is empty")
    text = "\x1e".join(lists.to_pylist()).encode().translate(_PLAIN)
    padded = b"\n" + text + b"\n"
    if any(blanks in padded for blanks in (b"  ", b" \n", b"\n ")):
        text = re.sub(rb" ?\n ?", b"\n", re.sub(rb" +", b" ", text)).strip(b" ")
    if any(row.count(b" ") + 1 != count for row in text.split(b"\n")):
        raise pa.ArrowInvalid("rows have different lengths")
    # As one column, because Arrow takes memory for each of them.
    read = pa.csv.read_csv(
        io.BytesIO(text.replace(b" ", b"\n")),
        pa.csv.ReadOptions(column_names=["pixels"]),
        pa.csv.ParseOptions(quote_char=False),
        pa.csv.ConvertOptions(column_types={"pixels": kind}),
    )
    if read.num_rows != len(lists) * count or read["pixels"].null_count:
        raise pa.ArrowInvalid("a cell is empty")
    numbers: NDArray[np.generic] = read["pixels"].to_numpy().reshape(len(lists), count)
    return numbers


def _stacked(read: Any, pixels: list[str], kind: Any) -> NDArray[np.generic]:
    """Stack the columns, in blocks that fit the processor's cache."""
    stacked = np.empty((read.num_rows, len(pixels)), kind.to_pandas_dtype())
    row = 0
    for batch in read.select(pixels).to_batches(max_chunksize=512):
        block = stacked[row : row + batch.num_rows]
        for index, column in enumerate(batch.columns):
            block[:, index] = column.to_numpy()
        row += batch.num_rows
    return stacked


def _too_bright(sniffed: Delimited, numbers: NDArray[Any], white: float) -> DataError:
    row, column = (int(index) for index in np.argwhere(numbers > white)[0])
    return DataError(
        f"Row {row + 1} of {sniffed.path} has a pixel above {white:g}.",
        expected=_LEVELS,
        received=f"{numbers[row, column]:g}, its pixel {column + 1}",
        remedy="if that is the label, name its column by `label_column`; if it is a pixel, state "
        f"what is black and white: `value_range=0,{numbers.max():g}`",
    )


def _first_fault(sniffed: Delimited, columns: PixelColumns) -> DataError:
    """The error about the first invalid cell, found cell by cell."""
    try:
        for number, row in _rows(sniffed):
            where = f"line {number} of {sniffed.path}"
            if fault := _fault(row, sniffed.first, columns, where):
                return fault
    except UnicodeDecodeError:
        return not_utf8(sniffed.path)
    except (csv.Error, OSError) as error:
        return DataError(f"Cannot read {sniffed.path}: {error}.")
    return DataError(f"{sniffed.path} cannot be read as a table of pixels.", expected=_LEVELS)


def _rows(sniffed: Delimited) -> Iterator[tuple[int, list[str]]]:
    with open_text(sniffed.path) as file:
        rows = csv.reader(file, delimiter=sniffed.delimiter)
        for index, row in enumerate(rows):
            if row and index >= sniffed.skip:
                yield rows.line_num, row


def _fault(
    row: list[str], first: tuple[str, ...], columns: PixelColumns, where: str
) -> DataError | None:
    if len(row) != len(first):
        cut = ": the file may be truncated" if len(row) < len(first) else ""
        return DataError(
            f"The number of cells in {where} differs from the lines before.",
            expected=f"{len(first)} cells",
            received=f"{len(row)}{cut}",
        )
    if row[columns.label].strip().lower() in ("", "nan"):
        return DataError(f"There is no label in {where}.", remedy="write it, or remove the row")
    for index in columns.pixels:
        cells = numbers_in(row[index]) if columns.are_lists else [row[index]]
        if "..." in cells:
            return DataError(
                f"Most pixels are missing in {where}: NumPy wrote `...` in their place.",
                expected="all numbers",
                remedy="write the table again with the lists of `array.ravel().tolist()`",
            )
        bad = next((cell for cell in cells if not is_number(cell)), None)
        if bad is not None:
            return DataError(
                f"Column {index + 1} in {where} is not a pixel.",
                expected=_LEVELS,
                received=repr(bad[:40]),
            )
        if not cells:
            return DataError(f"There are no pixels in {where}.", remedy="remove the row")
        if columns.are_lists and len(cells) != (count := len(numbers_in(first[index]))):
            return DataError(
                f"The number of pixels in {where} differs from the first row.",
                expected=f"{count} numbers",
                received=f"{len(cells)}",
                remedy="remove the row, or write all pictures in one size",
            )
    return None
