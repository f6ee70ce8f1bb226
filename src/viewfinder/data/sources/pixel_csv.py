"""A picture in each row of a text table: a label and the pixels' levels (Sign-Language MNIST)."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.core.errors import DataError, UsageError
from viewfinder.data.dataset import Dataset, PassedOver
from viewfinder.data.sources.columns import LABELS, as_labels, column_named
from viewfinder.data.sources.delimited import (
    TEXT_ENDINGS,
    Delimited,
    is_number,
    not_utf8,
    open_text,
    read_columns,
    sniff,
)
from viewfinder.data.sources.folder_names import split_in_name
from viewfinder.data.sources.hints import Hints
from viewfinder.data.sources.levels import Pixels, as_levels, as_pictures
from viewfinder.data.sources.pixel_columns import label_and_ignored, require_no_splits
from viewfinder.data.sources.pixels import PixelSource, dataset_of_pixels

# A row has to fit into a block of the reader.
_BLOCK_BYTES = 4 << 20
_WHITE = 255
_LEVELS = "integers from 0 to 255, or fractions from 0 to 1"


@dataclass(frozen=True)
class PixelCsvSource(PixelSource):
    """Pictures that are rows of CSV files.

    Attributes:
        label: The label's column; None: found by its name.
    """

    label: str | None = None

    kind = "pixel csv"

    @override
    def load(self) -> dict[str, Pixels]:
        try:
            return _read(self)[0]
        except UsageError as error:  # the given column no longer exists
            raise DataError(error.fact, remedy=error.remedy) from error

    @override
    def record(self) -> dict[str, Any]:
        return {**super().record(), "label": self.label}

    @classmethod
    @override
    def from_record(cls, record: dict[str, Any], **settings: Any) -> Self:
        label = record["label"]
        if not isinstance(label, str | None):
            raise TypeError(f"its label is {label!r}")
        return super().from_record(record, label=label, **settings)


def open_pixel_csv(files: Path | Mapping[str, Path], hints: Hints = Hints()) -> Dataset:
    """Read pictures from the rows of a text table, or of one table for each split.

    The label is the column named `label`, `class`, `target` or `category`, or that of
    `hints.columns.label`; without a header, the first. The others are levels from 0 to 255 in
    row-major order, RGB interleaved. Pictures are square unless `hints.image_size` is given.

    Raises:
        DataError: A cell is not a level (reported with its row), the size is not clear, a row has
            another length, or there is only one class.
    """
    hints.only("columns", "classes", "image_size", "value_range", kind="a table of pixels")
    each = {"": files} if isinstance(files, Path) else dict(files)
    source = PixelCsvSource(
        each,
        label=hints.columns.label,
        size=hints.image_size,
        value_range=hints.value_range,
    )
    pictures, labels, notes = _read(source)
    return dataset_of_pixels(source, pictures, labels, notes=notes, classes=hints.classes)


def open_split_csvs(folder: Path, files: Sequence[Path], hints: Hints = Hints()) -> Dataset:
    """Read the tables of pixels in a folder, one for each split, named after it.

    A table without labels among tables with them (Kaggle's test.csv) is skipped.

    Raises:
        DataError: There is not one table for each split; or as for one table.
    """
    names = ", ".join(file.name for file in files)
    if not all(file.suffix.lower() in TEXT_ENDINGS and sniff(file).is_pixels for file in files):
        raise DataError(
            f"{folder} holds several tables.",
            expected="one; or tables of pixels, one for each split",
            received=names,
            remedy="open one of them; a column named split may hold the splits",
        )
    labelled = [file for file in files if _may_have_label(file)] or list(files)
    by_split: dict[str, list[Path]] = {}
    for file in labelled:
        by_split.setdefault(split_in_name(file.stem) or "", []).append(file)
    if "" in by_split or any(len(same) > 1 for same in by_split.values()):
        raise DataError(
            f"{folder} holds several tables, and it is not clear which belong together.",
            expected="one for each split, such as train.csv and test.csv",
            received=names,
            remedy="open one of them",
        )
    dataset = open_pixel_csv({split: same[0] for split, same in by_split.items()}, hints)
    skipped = [PassedOver(file.name, "it has no labels") for file in files if file not in labelled]
    return replace(dataset, passed_over=(*dataset.passed_over, *skipped))


def _may_have_label(file: Path) -> bool:
    """False if there is a header without a label's name."""
    header = sniff(file).header
    return header is None or column_named(list(header), LABELS) is not None


def _read(
    source: PixelCsvSource,
) -> tuple[dict[str, Pixels], dict[str, pd.Series], list[str]]:
    numbers: dict[str, NDArray[np.generic]] = {}
    labels: dict[str, pd.Series] = {}
    notes: list[str] = []
    for split, file in source.files.items():
        sniffed = sniff(file)
        label, ignored = label_and_ignored(sniffed, source.label)
        if ignored:
            notes.append(
                f"The first column of {file.name} was ignored, because it numbers the rows."
            )
        white = source.value_range[1] if source.value_range else _WHITE
        numbers[split], labels[split] = _read_file(sniffed, label, ignored, white)
        if source.label is None and column_named(sniffed.header or (), LABELS) is None:
            require_no_splits(file, label, labels[split])
            notes.append(f"Labels of {file.name} from column {label}, numbered from 0.")
    levels, note = as_levels(numbers, str(source), source.value_range)
    pictures = {
        split: as_pictures(array, str(source.files[split]), source.size)
        for split, array in levels.items()
    }
    return pictures, labels, [*notes, note]


def _read_file(
    sniffed: Delimited, label: int, ignored: frozenset[int], white: float
) -> tuple[NDArray[np.generic], pd.Series]:
    names = [str(index) for index in range(len(sniffed.first))]
    pixels = [names[i] for i in range(len(names)) if i != label and i not in ignored]
    for kind in (pa.uint8(), pa.float32()):
        types = dict.fromkeys(pixels, kind) | {names[label]: pa.string()}
        try:
            block_size = max(_BLOCK_BYTES, 64 * len(names))
            read = read_columns(sniffed, names, types, block_size=block_size)
        except pa.ArrowInvalid as error:
            if kind == pa.float32():
                raise _first_fault(sniffed, label, ignored) from error
            continue
        if any(column.null_count for column in read.columns):
            raise _first_fault(sniffed, label, ignored)
        numbers = _stacked(read, pixels, kind)
        if numbers.size and float(numbers.max()) > white:
            raise _too_bright(sniffed, numbers, white)
        labels = as_labels(read[names[label]].to_pandas())
        if (labels == "").any():
            raise _first_fault(sniffed, label, ignored)
        return numbers, labels
    raise AssertionError("the last type returns or raises")


def _too_bright(sniffed: Delimited, numbers: NDArray[Any], white: float) -> DataError:
    row, column = (int(index) for index in np.argwhere(numbers > white)[0])
    return DataError(
        f"Row {row + 1} of {sniffed.path} has a pixel above {white:g}.",
        expected=_LEVELS,
        received=f"{numbers[row, column]:g}, its pixel {column + 1}",
        remedy="if that is the label, name its column by `label_column`; if it is a pixel, state "
        f"what is black and white: `value_range=0,{numbers.max():g}`",
    )


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


def _first_fault(sniffed: Delimited, label: int, ignored: frozenset[int]) -> DataError:
    """The error about the first invalid cell, found cell by cell."""
    try:
        with open_text(sniffed.path) as file:
            for number, row in enumerate(csv.reader(file, delimiter=sniffed.delimiter), 1):
                if row and number > sniffed.skip:
                    where = f"line {number} of {sniffed.path}"
                    if fault := _fault(row, len(sniffed.first), label, ignored, where):
                        return fault
    except UnicodeDecodeError:
        return not_utf8(sniffed.path)
    except (csv.Error, OSError) as error:
        return DataError(f"Cannot read {sniffed.path}: {error}.")
    return DataError(f"{sniffed.path} cannot be read as a table of pixels.", expected=_LEVELS)


def _fault(
    row: list[str], width: int, label: int, ignored: frozenset[int], where: str
) -> DataError | None:
    if len(row) != width:
        cut = ": the file may be truncated" if len(row) < width else ""
        return DataError(
            f"The number of cells in {where} differs from the lines before.",
            expected=f"{width} cells",
            received=f"{len(row)}{cut}",
        )
    for index, cell in enumerate(row):
        if index == label and cell.strip().lower() in ("", "nan"):
            return DataError(f"There is no label in {where}.")
        if index != label and index not in ignored and not is_number(cell):
            return DataError(
                f"Column {index + 1} in {where} is not a pixel.",
                expected=_LEVELS,
                received=repr(cell[:40]),
            )
    return None
