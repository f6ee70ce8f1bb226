"""MNIST's format, idx: `train-images-idx3-ubyte`, possibly gzipped, and a file of labels.

A header (two zeros, the type, the number of dimensions, then each dimension as a big-endian 32-bit
number) and the values after it: http://yann.lecun.com/exdb/mnist/.
"""

import io
import math
import re
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.core.errors import DataError
from viewfinder.data.dataset import Dataset, PassedOver
from viewfinder.data.sources.folder_names import split_in_name
from viewfinder.data.sources.hints import Hints
from viewfinder.data.sources.levels import Pixels, as_levels, as_pictures
from viewfinder.data.sources.pixels import PixelSource, dataset_of_pixels
from viewfinder.fetch.archives.bounded import open_decompressed
from viewfinder.fetch.archives.members import most_unpacked

_UNSIGNED_BYTE = 0x08
_MOST_DIMENSIONS = 4
_NAME = re.compile(r"(images|labels)[-.]idx(\d)[-.]u?byte(\.gz)?$")


class IdxSource(PixelSource):
    """Pictures that are records of idx files."""

    kind = "idx"

    @override
    def load(self) -> dict[str, Pixels]:
        return _read(self)[0]


def is_idx_name(name: str) -> bool:
    """Whether this is the name of a file of pictures or labels in this format."""
    return _NAME.search(name) is not None


def open_idx(files: Path | Iterable[Path], hints: Hints = Hints()) -> Dataset:
    """Read one file of pictures and its labels, or the files of a folder, one for each split.

    Raises:
        DataError: A file is damaged or truncated, its labels are missing, two files are of the
            same split, or there is only one class.
    """
    hints.only("classes", "value_range", kind="idx files")
    if isinstance(files, Path):
        images = {"": _partner(files, "images")}
        passed_over: list[PassedOver] = []
    else:
        images, passed_over = _by_split(files)
    source = IdxSource(images, value_range=hints.value_range)
    pictures, note = _read(source)
    labels = {split: pd.Series(_labels(_partner(file, "labels"))) for split, file in images.items()}
    return dataset_of_pixels(
        source, pictures, labels, notes=[note], classes=hints.classes, passed_over=passed_over
    )


def read_idx(file: Path) -> NDArray[np.uint8]:
    """Read the values of an idx file, uint8, in its shape.

    Type, shape and length are checked before memory is allocated.

    Raises:
        DataError: It is not an idx file, or its length differs from its header.
    """
    try:
        with open_decompressed(file) as opened:
            stream = io.BufferedReader(opened)
            shape = _shape(stream, file)
            count, size = math.prod(shape), file.stat().st_size
            if count > (most_unpacked(size) if opened.is_compressed else size):
                raise _wrong_length(file, shape, f"a file of {size:,} bytes")
            values = np.empty(count, np.uint8)
            filled = stream.readinto(values.data)
            if filled < count or stream.read(1):
                received = f"{filled:,}" if filled < count else "more"
                raise _wrong_length(file, shape, f"{received} bytes after the header")
    except OSError as error:
        raise DataError(f"Cannot read {file}: {error.strerror}.") from error
    return values.reshape(shape)


def _shape(stream: IO[bytes], file: Path) -> tuple[int, ...]:
    start = stream.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or not 1 <= start[3] <= _MOST_DIMENSIONS:
        raise DataError(f"{file} is not an idx file.", received=f"it starts with {start.hex(' ')}")
    if start[2] != _UNSIGNED_BYTE:
        raise DataError(
            f"{file} does not hold bytes.",
            expected="type 08 (unsigned bytes)",
            received=f"{start[2]:02x}",
        )
    dimensions = stream.read(4 * start[3])
    if len(dimensions) < 4 * start[3]:
        raise DataError(f"{file} ends within its header.")
    return struct.unpack(f">{start[3]}I", dimensions)


def _read(source: IdxSource) -> tuple[dict[str, Pixels], str]:
    pictures = {split: _pictures(file) for split, file in source.files.items()}
    return as_levels(pictures, str(source), source.value_range)


def _pictures(file: Path) -> Pixels:
    return as_pictures(_of_dimensions(file, (3, 4), "pictures"), str(file))


def _labels(file: Path) -> NDArray[np.uint8]:
    return _of_dimensions(file, (1,), "labels")


def _of_dimensions(file: Path, dimensions: tuple[int, ...], what: str) -> NDArray[np.uint8]:
    values = read_idx(file)
    if values.ndim not in dimensions:
        raise DataError(
            f"{file} does not hold {what}.",
            expected=f"{dimensions[0]} dimensions",
            received=f"{values.ndim}: {' × '.join(map(str, values.shape))}",
        )
    return values


def _partner(file: Path, what: str) -> Path:
    """The file of "images" or "labels" that belongs to this file, gzipped or not."""
    dimensions = {"images": "3", "labels": "1"}[what]
    plain = file.name.removesuffix(".gz")
    renamed = re.sub(r"(images|labels)([-.]idx)\d", rf"{what}\g<2>{dimensions}", plain)
    for name in (renamed, f"{renamed}.gz"):
        if (file.parent / name).is_file():
            return file.parent / name
    raise DataError(
        f"The {what} that belong to {file.name} are not beside it.",
        expected=str(file.parent / renamed),
        remedy="put the two files into one folder, with their original names",
    )


def _by_split(files: Iterable[Path]) -> tuple[dict[str, Path], list[PassedOver]]:
    found: dict[str, Path] = {}
    passed_over: list[PassedOver] = []
    for file in sorted(files):
        match = _NAME.search(file.name)
        if match is None:
            passed_over.append(PassedOver(file.name, "not an idx file"))
        elif match[1] == "images":
            split = split_in_name(file.name[: match.start()]) or ""
            if split in found:
                raise _two_of_one_split(found[split], file)
            found[split] = file
    if "" in found and len(found) > 1:
        raise _two_of_one_split(found[""], next(file for split, file in found.items() if split))
    return found, passed_over


def _two_of_one_split(first: Path, second: Path) -> DataError:
    return DataError(
        f"It is not clear which idx files of {first.parent} belong together.",
        expected="one file of images for training, and optionally one for testing (t10k)",
        received=f"{first.name} and {second.name}",
        remedy="open one of them, or put them into folders of their own",
    )


def _wrong_length(file: Path, shape: tuple[int, ...], received: str) -> DataError:
    return DataError(
        f"The length of {file} differs from its header.",
        expected=f"{' × '.join(map(str, shape))} = {math.prod(shape):,} bytes",
        received=received,
        remedy="download the file again",
    )
