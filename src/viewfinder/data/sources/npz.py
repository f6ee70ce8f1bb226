"""NumPy's `.npz`: `x_train, y_train, x_test, y_test`; or `images, labels`; or `X, y`."""

import math
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.core.errors import DataError
from viewfinder.core.files import regular_status
from viewfinder.data.dataset import Dataset, PassedOver
from viewfinder.data.sources.folder_names import split_named
from viewfinder.data.sources.hints import Hints
from viewfinder.data.sources.levels import Pixels, as_levels, as_pictures
from viewfinder.data.sources.pixels import PixelSource, dataset_of_pixels, label_column
from viewfinder.fetch.archives.bounded import BoundedReader
from viewfinder.fetch.archives.errors import DAMAGED, archive_errors
from viewfinder.fetch.archives.members import most_unpacked, require_size

_IMAGES = frozenset({"x", "images", "image", "imgs", "data", "pictures", "features"})
_LABELS = frozenset({"y", "labels", "label", "targets", "target", "classes", "class"})


class NpzSource(PixelSource):
    """Pictures that are rows of arrays in an `.npz` file."""

    kind = "npz"

    @override
    def load(self) -> dict[str, Pixels]:
        return _read(self)[0]


def open_npz(file: Path, hints: Hints = Hints()) -> Dataset:
    """Read the pictures and labels of an `.npz` file, without pickle: no code in it is run.

    Raises:
        DataError: The file is damaged, or its arrays are not pictures and labels.
    """
    hints.only("classes", "image_size", "value_range", kind="an .npz file")
    pairs, others = find_arrays(headers_of(file), str(file))
    files = dict.fromkeys(pairs, file)
    source = NpzSource(files, size=hints.image_size, value_range=hints.value_range)
    pictures, note = _read(source)
    with _opened(file) as arrays:
        labels: dict[str, pd.Series] = {
            split: label_column(_array(arrays, names[1], file), f"{file}, {names[1]}")
            for split, names in pairs.items()
        }
    passed_over = [PassedOver(name, "neither pictures nor labels") for name in others]
    return dataset_of_pixels(
        source, pictures, labels, classes=hints.classes, notes=[note], passed_over=passed_over
    )


def find_arrays(
    shapes: Mapping[str, tuple[int, ...]], file: str
) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Find the names of each split's arrays (pictures, labels); and those of the other arrays.

    Raises:
        DataError: There are none, or several for one split.
    """
    images: dict[str, str] = {}
    labels: dict[str, str] = {}
    for name in shapes:
        words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
        splits = [split for word in words if (split := split_named(word))]
        kinds = [word for word in words if not split_named(word)]
        if len(kinds) != 1 or len(splits) > 1:
            continue
        found = images if kinds[0] in _IMAGES else labels if kinds[0] in _LABELS else None
        if found is not None and (clash := found.setdefault("".join(splits), name)) != name:
            raise _unclear(file, shapes, f"both {clash} and {name}")
    pairs = {split: (name, labels[split]) for split, name in images.items() if split in labels}
    # np.savez(file, images, labels) stores no names.
    if len(shapes) == 2 and not images and not labels:
        first, second = sorted(shapes, key=lambda name: -len(shapes[name]))
        if len(shapes[first]) >= 2 and shapes[first][:1] == shapes[second][:1]:
            pairs = {"": (first, second)}
    if not pairs or ("" in pairs and len(pairs) > 1):
        raise _unclear(file, shapes, None)
    used = {name for pair in pairs.values() for name in pair}
    return pairs, [name for name in shapes if name not in used]


def _read(source: NpzSource) -> tuple[dict[str, Pixels], str]:
    file = next(iter(source.files.values()))
    pairs, _ = find_arrays(headers_of(file), str(file))
    if missing := set(source.files) - set(pairs):
        raise DataError(f"{file} no longer has arrays of {', '.join(sorted(missing))}.")
    with _opened(file) as arrays:
        numbers = {split: _array(arrays, pairs[split][0], file) for split in source.files}
    levels, note = as_levels(numbers, str(file), source.value_range)
    named = {split: f"{file}, {pairs[split][0]}" for split in source.files}
    return {s: as_pictures(pixels, named[s], source.size) for s, pixels in levels.items()}, note


def headers_of(file: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array in a file, from its headers.

    Raises:
        DataError: The file is missing or damaged, holds objects, or would become too large.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    try:
        most_bytes = most_unpacked(regular_status(file).st_size)
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            with archive_errors(file):
                require_size(sum(member.file_size for member in members), most_bytes)
            for member in members:
                with archive.open(member) as packed:
                    shape, dtype = _header(BoundedReader(packed, most_bytes, file))
                if dtype.hasobject:
                    raise _pickled(file, member.filename)
                if member.file_size < math.prod([*shape, dtype.itemsize]):
                    raise DataError(f"{file} is truncated in {member.filename}.")
                shapes[member.filename.removesuffix(".npy")] = shape
    except (OSError, *DAMAGED) as error:
        raise _damaged(file, error) from error
    return shapes


def _header(stream: BoundedReader) -> tuple[tuple[int, ...], Any]:
    """The shape and dtype in the header of an array."""
    major, _ = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0
    if major > 1:
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if any(type(side) is not int or side < 0 for side in shape):  # NumPy accepts True
        raise ValueError(f"its header states the shape {shape}")
    return shape, dtype


def _opened(file: Path) -> Any:
    try:
        return np.load(file, allow_pickle=False)
    except (OSError, *DAMAGED) as error:
        raise _damaged(file, error) from error


def _array(arrays: Any, name: str, file: Path) -> NDArray[np.generic]:
    try:
        array: NDArray[np.generic] = arrays[name]
    except (OSError, MemoryError, *DAMAGED) as error:
        raise _damaged(file, error) from error
    return array


def _unclear(file: str, shapes: Mapping[str, tuple[int, ...]], received: str | None) -> DataError:
    found = ", ".join(f"{n} ({' × '.join(map(str, shape))})" for n, shape in shapes.items())
    return DataError(
        f"It is not clear which arrays of {file} are the pictures and which the labels.",
        expected="x_train, y_train, x_test, y_test; or images and labels; or X and y",
        received=received or found or "no arrays",
        remedy="load it with np.load, and pass the arrays to vf.from_arrays",
    )


def _pickled(file: Path, name: str) -> DataError:
    return DataError(
        f"{file} holds Python objects, which are not loaded because they may run any code.",
        expected="numbers or words",
        received=name,
        remedy="save the array with a plain dtype: labels.astype(str)",
    )


def _damaged(file: Path, error: Exception) -> DataError:
    reason = str(error).partition("\n")[0]  # NumPy's further lines advise to allow pickles
    return DataError(f"{file} cannot be read as .npz: {reason.rstrip('.')}.")
