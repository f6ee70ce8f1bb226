"""Shared by sources of pixels: arrays with a picture in each row, one for each split."""

import threading
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.core.errors import DataError, Reason, RejectedPicture, UsageError
from viewfinder.data.dataset import Dataset, PassedOver
from viewfinder.data.source import Source, Stamp
from viewfinder.data.sources.assemble import assemble
from viewfinder.data.sources.columns import as_text
from viewfinder.data.sources.files import stamp_of
from viewfinder.data.sources.levels import Pixels, ValueRange, checked_range


@dataclass
class Loaded:
    """Arrays that are read at first use, and again when their files have changed."""

    stamps: tuple[Stamp, ...] = ()
    arrays: dict[str, Pixels] | DataError = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(
        self, stamps: tuple[Stamp, ...], read: Callable[[], dict[str, Pixels]]
    ) -> dict[str, Pixels] | DataError:
        """The arrays for these stamps, or the error of reading them."""
        with self.lock:
            if self.stamps != stamps:
                try:
                    self.arrays = read()
                except DataError as error:  # kept, so that not each row reads the file again
                    self.arrays = error
                self.stamps = stamps
        return self.arrays


@dataclass(frozen=True)
class PixelSource(Source):
    """Pictures that are rows of arrays; a locator is a split and a row: `train#17`, or `#17`.

    Attributes:
        files: The file of each split's pictures; the key "" is for pictures without a split.
        value_range: The numbers of black and of white; None: by each split's numbers.
        size: Height and width of flat pictures; None: square.
    """

    files: dict[str, Path]
    loaded: Loaded = field(default_factory=Loaded, repr=False, compare=False)
    value_range: ValueRange | None = None
    size: tuple[int, int] | None = None

    kind: ClassVar[str]
    names_files = False

    @abstractmethod
    def load(self) -> dict[str, Pixels]:
        """Each split's pictures, uint8, shape `(n, height, width, channels)`.

        Raises:
            DataError: The file is damaged, or has changed too much.
        """

    @override
    def read(self, locator: str) -> NDArray[np.uint8]:
        """The picture's pixels, uint8, read-only.

        Shape `(height, width)` if gray, else `(height, width, 3 or 4)`.
        """
        split, _, row = locator.rpartition("#")
        arrays = self._arrays()
        if split not in arrays or not row.isdecimal() or int(row) >= len(arrays[split]):
            raise RejectedPicture(Reason.MISSING, "the file no longer has this row")
        picture: Pixels = arrays[split][int(row)]
        if picture.shape[2] == 1:
            picture = picture[:, :, 0]
        picture.setflags(write=False)
        return picture

    @override
    def stamp(self, locator: str) -> Stamp:
        """The stamp of the file that holds the picture."""
        split = locator.rpartition("#")[0]
        if split not in self.files:
            raise RejectedPicture(Reason.MISSING, "there is no file for this row")
        return stamp_of(self.files[split], holds_several=True)

    @override
    def record(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "path": str(Path(str(self)).resolve()),
            "files": {split: str(file.resolve()) for split, file in self.files.items()},
            # Lists, because stores compare a record with one that was read from JSON.
            "range": list(self.value_range) if self.value_range else None,
            "size": list(self.size) if self.size else None,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any], **settings: Any) -> Self:
        """Return the source that `record` describes, with further settings of its kind."""
        files = {split: Path(file) for split, file in record["files"].items()}
        value_range, size = _recorded_range(record), record.get("size")
        if size is not None:
            height, width = size
            size = int(height), int(width)
        return cls(files, value_range=value_range, size=size, **settings)

    def __str__(self) -> str:
        files = set(self.files.values())
        return str(files.pop() if len(files) == 1 else next(iter(self.files.values())).parent)

    def _arrays(self) -> dict[str, Pixels]:
        arrays = self.loaded.get(self._stamps(), self.load)
        if isinstance(arrays, DataError):
            raise RejectedPicture(Reason.CORRUPT, arrays.fact) from arrays
        return arrays

    def remember(self, arrays: dict[str, Pixels]) -> None:
        """Keep arrays that were read while the dataset was opened."""
        self.loaded.get(self._stamps(), lambda: arrays)

    def _stamps(self) -> tuple[Stamp, ...]:
        return tuple(stamp_of(file, holds_several=True) for file in self.files.values())


def dataset_of_pixels(
    source: PixelSource,
    pictures: dict[str, Pixels],
    labels: dict[str, pd.Series],
    *,
    more: Mapping[str, pd.DataFrame] | None = None,
    notes: Sequence[str] = (),
    classes: Sequence[str] | None = None,
    passed_over: Sequence[PassedOver] = (),
) -> Dataset:
    """Return the dataset of arrays with a label for each row, and `more` columns of text.

    Raises:
        DataError: The numbers of pictures and labels differ, a label is empty, or there are no
            pictures.
    """
    tables = []
    for split, pixels in pictures.items():
        names = as_text(labels[split]).reset_index(drop=True)
        what = f"{source}, {split}" if split else str(source)
        if len(names) != len(pixels):
            raise DataError(
                f"The numbers of labels and pictures of {what} differ.",
                expected=f"{len(pixels):,} labels",
                received=f"{len(names):,}",
            )
        if (names == "").any():
            row = int(np.flatnonzero((names == "").to_numpy())[0])
            raise DataError(f"{what} has no label for row {row}, counted from 0.")
        locators = [f"{split}#{row}" for row in range(len(pixels))]
        size = int(np.prod(pixels.shape[1:]))
        columns = {"locator": locators, "label": names, "split": split, "bytes": size}
        further = more[split].reset_index(drop=True) if more else pd.DataFrame()
        tables.append(pd.DataFrame(columns).join(further))
    table = pd.concat(tables, ignore_index=True).fillna("")
    if not len(table):
        raise DataError(f"{source} holds no pictures.", expected="a row for each picture")
    source.remember(pictures)
    shapes = sorted({f"{p.shape[1]} × {p.shape[2]} × {p.shape[3]}" for p in pictures.values()})
    all_notes = (f"Pictures of {' and '.join(shapes)} (height × width × channels).", *notes)
    return assemble(
        source, table, classes=classes, passed_over=passed_over, notes=filter(None, all_notes)
    )


def _recorded_range(record: dict[str, Any]) -> ValueRange | None:
    try:
        return checked_range(record.get("range"))
    except UsageError as error:
        raise ValueError(error.fact) from error


def label_column(labels: NDArray[np.generic], name: str) -> pd.Series:
    """Convert labels of shape `(n,)`, `(n, 1)` or one-hot `(n, classes)` to one column.

    Raises:
        DataError: They have another shape, or are neither integers nor words.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    elif labels.ndim == 2 and labels.dtype.kind in "biuf":
        numbers = labels.astype(np.float64)
        if not (np.isin(numbers, (0, 1)).all() and (numbers.sum(axis=1) == 1).all()):
            raise DataError(
                f"The labels of {name} are neither a column nor one-hot.",
                expected="a label for each picture; or rows of zeros with a single 1",
                received=" × ".join(map(str, labels.shape)),
            )
        labels = numbers.argmax(axis=1)
    if labels.dtype == object and all(
        isinstance(label, str | int | np.integer) for label in labels.flat
    ):
        labels = labels.astype(str)  # a column of words from pandas
    if labels.ndim != 1 or labels.dtype.kind not in "biufUS":
        raise DataError(
            f"The labels of {name} are neither integers nor words.",
            expected="integers or words, one for each picture",
            received=f"{labels.dtype} of shape {' × '.join(map(str, labels.shape)) or '()'}",
        )
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels.astype(np.bytes_), "utf-8", "replace")
    if labels.dtype.kind == "f" and not (np.rint(labels) == labels).all():
        raise DataError(f"The labels of {name} are fractions.", expected="integers or words")
    return pd.Series(labels)
