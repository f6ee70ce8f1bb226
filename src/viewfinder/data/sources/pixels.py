"""What sources of pixels have in common: arrays with a picture in each row, split by split."""

import threading
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.core.errors import DataError, Reason, RejectedPicture
from viewfinder.data.dataset import Dataset, PassedOver
from viewfinder.data.source import Source, Stamp
from viewfinder.data.sources.assemble import assemble
from viewfinder.data.sources.columns import as_text
from viewfinder.data.sources.folder import stamp_of
from viewfinder.data.sources.levels import Pixels


@dataclass
class Loaded:
    """Arrays that are read when first asked for, and again when their files have changed."""

    stamps: tuple[Stamp, ...] = ()
    arrays: dict[str, Pixels] | DataError = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(
        self, stamps: tuple[Stamp, ...], read: Callable[[], dict[str, Pixels]]
    ) -> dict[str, Pixels] | DataError:
        """The arrays that these stamps belong to, or why they cannot be read."""
        with self.lock:
            if self.stamps != stamps:
                try:
                    self.arrays = read()
                except DataError as error:  # kept, or each row would read the file again
                    self.arrays = error
                self.stamps = stamps
        return self.arrays


@dataclass(frozen=True)
class PixelSource(Source):
    """Pictures that are rows of arrays; a locator is a split and a row: `train#17`, or `#17`.

    Attributes:
        files: The file that holds each split's pictures; "" for pictures without a split.
    """

    files: dict[str, Path]
    loaded: Loaded = field(default_factory=Loaded, repr=False, compare=False)

    @abstractmethod
    def load(self) -> dict[str, Pixels]:
        """Each split's pictures, uint8, shape `(n, height, width, channels)`.

        Raises:
            DataError: The file is damaged, or not what it was.
        """

    def read(self, locator: str) -> NDArray[np.uint8]:
        """The picture's pixels, uint8, read-only.

        The shape is `(height, width)` where it is gray, else `(height, width, 3 or 4)`.
        """
        split, _, row = locator.rpartition("#")
        arrays = self._arrays()
        if split not in arrays or not row.isdecimal() or int(row) >= len(arrays[split]):
            raise RejectedPicture(Reason.MISSING, "the file has no such row any more")
        picture: Pixels = arrays[split][int(row)]
        if picture.shape[2] == 1:
            picture = picture[:, :, 0]
        picture.setflags(write=False)
        return picture

    def stamp(self, locator: str) -> Stamp:
        """The size and time of change of the file that holds the picture."""
        split = locator.rpartition("#")[0]
        if split not in self.files:
            raise RejectedPicture(Reason.MISSING, "there is no file for this row any more")
        return stamp_of(self.files[split])

    @property
    def names_files(self) -> bool:
        """False: pictures are rows."""
        return False

    def __str__(self) -> str:
        files = set(self.files.values())
        return str(files.pop() if len(files) == 1 else next(iter(self.files.values())).parent)

    def _arrays(self) -> dict[str, Pixels]:
        stamps = tuple(stamp_of(file) for file in self.files.values())
        arrays = self.loaded.get(stamps, self.load)
        if isinstance(arrays, DataError):
            raise RejectedPicture(Reason.CORRUPT, arrays.fact) from arrays
        return arrays

    def remember(self, arrays: dict[str, Pixels]) -> None:
        """Keep arrays that were read while the dataset was opened."""
        stamps = tuple(stamp_of(file) for file in self.files.values())
        self.loaded.get(stamps, lambda: arrays)


def dataset_of_pixels(
    source: PixelSource,
    pictures: dict[str, Pixels],
    labels: dict[str, pd.Series],
    *,
    notes: Sequence[str] = (),
    classes: Sequence[str] | None = None,
    passed_over: Sequence[PassedOver] = (),
) -> Dataset:
    """The dataset of arrays with a label for each row.

    Raises:
        DataError: Pictures and labels are not equally many, a label is empty, no pictures.
    """
    tables = []
    for split, pixels in pictures.items():
        names = as_text(labels[split]).reset_index(drop=True)
        what = f"{source}, {split}" if split else str(source)
        if len(names) != len(pixels):
            raise DataError(
                f"{what} has not as many labels as pictures.",
                expected=f"{len(pixels):,} labels",
                received=f"{len(names):,}",
            )
        if (names == "").any():
            row = int(np.flatnonzero((names == "").to_numpy())[0])
            raise DataError(f"{what} has no label for row {row}, counted from 0.")
        locators = [f"{split}#{row}" for row in range(len(pixels))]
        size = int(np.prod(pixels.shape[1:]))
        columns = {"locator": locators, "label": names, "split": split, "bytes": size}
        tables.append(pd.DataFrame(columns))
    table = pd.concat(tables, ignore_index=True)
    if not len(table):
        raise DataError(f"{source} holds no pictures.", expected="a row for each picture")
    source.remember(pictures)
    shapes = sorted({f"{p.shape[1]} × {p.shape[2]} × {p.shape[3]}" for p in pictures.values()})
    said = (f"Pictures of {' and '.join(shapes)} (height × width × channels).", *notes)
    return assemble(
        source, table, classes=classes, passed_over=passed_over, notes=[s for s in said if s]
    )


def recorded_size(record: dict[str, Any]) -> tuple[int, int] | None:
    """Height and width as a record has them; None where pictures are square.

    Raises:
        KeyError, TypeError, ValueError: The record has no such pair.
    """
    if record["size"] is None:
        return None
    height, width = record["size"]
    return int(height), int(width)


def label_column(labels: NDArray[np.generic], place: str) -> pd.Series:
    """Labels as one column: from shape `(n,)`, `(n, 1)`, or one-hot `(n, classes)`.

    Raises:
        DataError: They have another shape, or are not whole numbers or words.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    elif labels.ndim == 2 and labels.dtype.kind in "biuf":
        numbers = labels.astype(np.float64)
        if not (np.isin(numbers, (0, 1)).all() and (numbers.sum(axis=1) == 1).all()):
            raise DataError(
                f"The labels of {place} are neither a column nor one-hot.",
                expected="a label for each picture; or rows of zeros with a single one",
                received=" × ".join(map(str, labels.shape)),
            )
        labels = numbers.argmax(axis=1)
    if labels.dtype == object and all(
        isinstance(one, str | int | np.integer) for one in labels.flat
    ):
        labels = labels.astype(str)  # as pandas gives columns of words
    if labels.ndim != 1 or labels.dtype.kind not in "biufUS":
        raise DataError(
            f"The labels of {place} are no labels.",
            expected="whole numbers or words, one for each picture",
            received=f"{labels.dtype} of shape {' × '.join(map(str, labels.shape)) or '()'}",
        )
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels.astype(np.bytes_), "utf-8", "replace")
    if labels.dtype.kind == "f" and not (np.rint(labels) == labels).all():
        raise DataError(f"The labels of {place} are fractions.", expected="whole numbers or words")
    return pd.Series(labels)
