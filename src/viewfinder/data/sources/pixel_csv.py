"""A picture in each row of a text table: a label, and the pixels' levels in columns or in a cell.

Sign-Language MNIST has a column for each pixel; FER2013 has all pixels of a row in one cell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.core.errors import DataError, UsageError
from viewfinder.data.dataset import Dataset, PassedOver
from viewfinder.data.sources.columns import LABELS, column_named
from viewfinder.data.sources.delimited import TEXT_ENDINGS, numbered, sniff
from viewfinder.data.sources.folder_names import split_in_name
from viewfinder.data.sources.hints import Hints
from viewfinder.data.sources.levels import Pixels, as_levels, as_pictures
from viewfinder.data.sources.pixel_cells import read_rows
from viewfinder.data.sources.pixel_columns import pixel_columns, require_no_splits
from viewfinder.data.sources.pixels import PixelSource, dataset_of_pixels
from viewfinder.data.splits.folds import FOLD

_WHITE = 255


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
            return _read(self).pictures
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

    The label is the column named `label`, `class`, `target` or `category`, that of
    `hints.columns.label`, or the only one beside the pixels; without a header, the first. Pixels
    are levels from 0 to 255 in row-major order, RGB interleaved: each in a column, or all of a row
    in one cell. Pictures are square unless `hints.image_size` is given. A column such as `split` or
    `Usage` has the splits of a single table.

    Raises:
        DataError: A cell is not a level (reported with its row), the size or the label's column is
            not clear, a row has another length, or there is only one class.
    """
    hints.only("columns", "classes", "image_size", "value_range", kind="a table of pixels")
    each = {"": files} if isinstance(files, Path) else dict(files)
    source = PixelCsvSource(
        each,
        label=hints.columns.label,
        size=hints.image_size,
        value_range=hints.value_range,
    )
    read = _read(source, hints.columns.group)
    # Which columns are possible labels depends on the groups' column, which is not recorded.
    label = source.label if hints.columns.group is None else read.label
    source = replace(source, files=read.files, label=label)
    return dataset_of_pixels(
        source,
        read.pictures,
        {split: cells["label"] for split, cells in read.cells.items()},
        more={split: cells.filter(["group", FOLD]) for split, cells in read.cells.items()},
        notes=read.notes,
        classes=hints.classes,
    )


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
    """False if there is a header without a label's name, and no other column beside the pixels."""
    sniffed = sniff(file)
    if sniffed.header is None or column_named(sniffed.header, LABELS) is not None:
        return True
    pixels = numbered(sniffed.header)
    try:
        return bool(pixels or sniffed.pixel_list is not None) and (
            pixel_columns(sniffed, None).label not in pixels
        )
    except DataError:
        return False


class _Read(NamedTuple):
    """What tables hold, by split; `files` has the table of each split, `label` the column."""

    files: dict[str, Path]
    label: str
    pictures: dict[str, Pixels]
    cells: dict[str, pd.DataFrame]
    notes: list[str]


def _read(source: PixelCsvSource, group: str | None = None) -> _Read:
    files: dict[str, Path] = {}
    numbers: dict[str, NDArray[np.generic]] = {}
    cells: dict[str, pd.DataFrame] = {}
    notes: list[str] = []
    size, label = source.size, ""
    by_file = {file: split for split, file in source.files.items()}
    for file, split in by_file.items():
        sniffed = sniff(file)
        columns = pixel_columns(sniffed, source.label, group)
        size = source.size or columns.size
        if columns.note:
            notes.append(columns.note)
        label = sniffed.header[columns.label] if sniffed.header else str(columns.label)
        white = source.value_range[1] if source.value_range else _WHITE
        rows = read_rows(sniffed, columns, white)
        if not columns.is_named:
            require_no_splits(file, columns.label, rows.cells["label"])
            numbered_from = "" if sniffed.header else ", numbered from 0"
            notes.append(f"Labels of {file.name} from column {label}{numbered_from}.")
        # Of several tables, the names state the splits.
        splits = rows.cells.get("split") if len(by_file) == 1 else None
        for name in [split] if splits is None else splits.unique():
            chosen = slice(None) if splits is None else (splits == name).to_numpy()
            numbers[name], cells[name] = rows.numbers[chosen], rows.cells[chosen]
            files[name] = file
    levels, note = as_levels(numbers, str(source), source.value_range)
    pictures = {
        split: as_pictures(array, str(files[split]), size) for split, array in levels.items()
    }
    return _Read(files, label, pictures, cells, [*notes, note])
