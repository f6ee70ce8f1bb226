"""Pictures from arrays in memory.

A copy is kept in the user's cache, named by its content, so that another process can evaluate a run
later.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from typing_extensions import override

from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.files import cache_folder, written_whole
from viewfinder.data.dataset import SPLITS, Dataset
from viewfinder.data.sources.folder_names import split_named
from viewfinder.data.sources.levels import Pixels, as_levels, as_pictures, checked_range
from viewfinder.data.sources.pixels import PixelSource, dataset_of_pixels, label_column

# What messages and records call these pictures.
_NAME = "arrays"


class ArraySource(PixelSource):
    """Pictures from arrays in memory, kept in `.npy` files of the cache."""

    kind = "arrays"

    @override
    def load(self) -> dict[str, Pixels]:
        try:
            open_npy = np.lib.format.open_memmap
            return {split: open_npy(file, mode="r") for split, file in self.files.items()}
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"The cached arrays cannot be read: {error}.") from error

    @override
    def record(self) -> dict[str, Any]:
        return {**super().record(), "path": _NAME}

    def __str__(self) -> str:
        return _NAME


def open_arrays(
    images: ArrayLike | Mapping[str, ArrayLike],
    labels: ArrayLike | Mapping[str, ArrayLike],
    classes: Sequence[str] | None = None,
    *,
    value_range: tuple[float, float] | None = None,
) -> Dataset:
    """Return the dataset of pictures and labels in memory.

    Args:
        images: Shape `(n, height, width)` or `(n, height, width, channels)` with 1 (gray), 3 (RGB)
            or 4 (RGBA) channels; or `(n, pixels)` of square pictures. Whole numbers are levels
            from 0 to 255, fractions from 0 to 1 are shares of 255, other ranges are refused unless
            given. Or a mapping of splits to such arrays: `{"train": x_train, "test": x_test}`.
        labels: An integer or word for each picture, shape `(n,)` or `(n, 1)`; or one-hot
            `(n, classes)`. A mapping where `images` is one.
        classes: The classes' names; integers in `labels` index them, from 0.
        value_range: The numbers of black and of white, such as `(-1, 1)` or `(0, 4095)`.

    Returns:
        A dataset with locators such as `train#17`, or `#17`. The pixels are copied into the cache.

    Raises:
        DataError: Shapes or values are not those of pictures and labels, or there is only one
            class.
        UsageError: `images` and `labels` have different splits, or the range is empty.
        OutputError: The cache cannot be written.
    """
    by_split = _by_split(images, "images")
    named = _by_split(labels, "labels")
    if by_split.keys() != named.keys():
        raise UsageError(
            "`images` and `labels` have different splits.",
            expected=", ".join(by_split),
            received=", ".join(named),
        )
    levels, note = as_levels(by_split, _NAME, checked_range(value_range))
    pictures = {split: as_pictures(pixels, _NAME) for split, pixels in levels.items()}
    columns: dict[str, pd.Series] = {
        split: label_column(column, _NAME) for split, column in named.items()
    }
    source = ArraySource({split: _cached(pixels) for split, pixels in pictures.items()})
    return dataset_of_pixels(
        source, source.load(), columns, classes=classes, notes=[note] if note else []
    )


def _by_split(value: ArrayLike | Mapping[str, ArrayLike], argument: str) -> dict[str, np.ndarray]:
    if not isinstance(value, Mapping):
        return {"": np.asarray(value)}
    named = {name: split_named(name) if name else "" for name in value}
    if None in named.values() or len(set(named.values())) < len(named):
        raise UsageError(
            f"The keys of `{argument}` are not the names of different splits.",
            expected=", ".join(SPLITS),
            received=", ".join(value),
        )
    return {named[name] or "": np.asarray(array) for name, array in value.items()}


def _cached(pixels: Pixels) -> Path:
    """Return the file in the cache that holds these pixels, written if it is missing."""
    whole = np.ascontiguousarray(pixels)
    address = hashlib.blake2b(repr(whole.shape).encode(), digest_size=16)
    address.update(whole.data)
    file = cache_folder() / "arrays" / f"{address.hexdigest()}.npy"
    if not file.exists():
        with written_whole(file) as temporary:
            np.save(temporary, whole)
    return file
