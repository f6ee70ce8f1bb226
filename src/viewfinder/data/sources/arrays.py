"""Pictures that are arrays in memory.

They are kept in the user's cache as well, under a name made of their content: so that a run on them
can be evaluated and reported on tomorrow, from another process.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.files import cache_folder, written_whole
from viewfinder.data.dataset import SPLITS, Dataset
from viewfinder.data.sources.layout import split_named
from viewfinder.data.sources.levels import Pixels, as_levels, as_pictures
from viewfinder.data.sources.pixels import PixelSource, dataset_of_pixels, label_column

_PLACE = "arrays"


@dataclass(frozen=True)
class ArraySource(PixelSource):
    """Pictures that were arrays in memory, kept in `.npy` files of the cache."""

    def load(self) -> dict[str, Pixels]:
        """Map the kept arrays into memory."""
        try:
            open_npy = np.lib.format.open_memmap
            return {split: open_npy(file, mode="r") for split, file in self.files.items()}
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"The kept arrays cannot be read: {error}.") from error

    def record(self) -> dict[str, Any]:
        """Kind and the kept files."""
        files = {split: str(file) for split, file in self.files.items()}
        return {"kind": "arrays", "path": _PLACE, "files": files}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "ArraySource":
        """The source that gave this record."""
        return cls({split: Path(file) for split, file in record["files"].items()})

    def __str__(self) -> str:
        return _PLACE


def open_arrays(
    images: ArrayLike | Mapping[str, ArrayLike],
    labels: ArrayLike | Mapping[str, ArrayLike],
    classes: Sequence[str] | None = None,
) -> Dataset:
    """The dataset of pictures and labels in memory.

    Args:
        images: Shape `(n, height, width)` or `(n, height, width, channels)` with 1 (gray), 3 (RGB)
            or 4 (RGBA) channels; or `(n, pixels)` of square pictures. Whole numbers are levels
            from 0 to 255, fractions from 0 to 1 are shares of 255. Or a mapping of splits to such
            arrays: `{"train": x_train, "test": x_test}`.
        labels: A whole number or word for each picture, shape `(n,)` or `(n, 1)`; or one-hot
            `(n, classes)`. A mapping where `images` is one.
        classes: The classes' names; whole numbers in `labels` count them from 0.

    Returns:
        A dataset with locators such as `train#17`, or `#17`. The pixels are copied into the cache.

    Raises:
        DataError: Shapes or numbers are not those of pictures and labels, or only one class.
        UsageError: The splits of images and labels are not the same.
        OutputError: The cache cannot be written.
    """
    by_split = _by_split(images, "images")
    named = _by_split(labels, "labels")
    if by_split.keys() != named.keys():
        raise UsageError(
            "Images and labels have not the same splits.",
            expected=", ".join(by_split),
            received=", ".join(named),
        )
    levels, note = as_levels(by_split, _PLACE)
    pictures = {split: as_pictures(one, _PLACE) for split, one in levels.items()}
    columns: dict[str, pd.Series] = {
        split: label_column(one, _PLACE) for split, one in named.items()
    }
    source = ArraySource({split: _kept(one) for split, one in pictures.items()})
    return dataset_of_pixels(
        source, source.load(), columns, classes=classes, notes=[note] if note else []
    )


def _by_split(value: ArrayLike | Mapping[str, ArrayLike], what: str) -> dict[str, np.ndarray]:
    if not isinstance(value, Mapping):
        return {"": np.asarray(value)}
    named = {name: split_named(name) if name else "" for name in value}
    if None in named.values() or len(set(named.values())) < len(named):
        raise UsageError(
            f"The names of the {what} are no different splits.",
            expected=", ".join(SPLITS),
            received=", ".join(value),
        )
    return {named[name] or "": np.asarray(array) for name, array in value.items()}


def _kept(pixels: Pixels) -> Path:
    """The file in the cache that holds these pixels; equal pixels are kept once."""
    whole = np.ascontiguousarray(pixels)
    address = hashlib.blake2b(repr(whole.shape).encode(), digest_size=16)
    address.update(whole.data)
    file = cache_folder() / "arrays" / f"{address.hexdigest()}.npy"
    if not file.exists():
        with written_whole(file) as temporary:
            np.save(temporary, whole)
    return file
