"""The layers and shapes in a weights file, from its headers, without reading weights.

Three formats are supported: Keras's old HDF5 (`layer_names`, then `weight_names` in each layer),
in which Keras publishes its weights; `.weights.h5` of Keras 3; and `.keras`, a zip with one inside.
Files are untrusted: links out of the file, virtual or external data, unusual number types and
excessive lists of names are refused, and so are arrays that are larger than the file says they are
stored: an array of gigabytes can be declared in a few bytes. `bases/networks/loading.py` then
compares the shapes.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from viewfinder.core.errors import DataError
from viewfinder.core.files import open_regular
from viewfinder.core.zips import require_small_directory

# The weights inside a `.keras` file.
KERAS_WEIGHTS = "model.weights.h5"

# The configuration, the weights, and the files of a tokenizer.
_MOST_MEMBERS = 1_000

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"

# InceptionResNetV2 and NASNetLarge have about 1,500 arrays, with names of about 60 letters.
_MOST_ARRAYS = 20_000
_MOST_NAME_BYTES = 4 << 20
_DEEPEST = 24
# For an optimizer's state, twice the size of the weights.
_MOST_TIMES = 4

_TRUNCATED = re.compile(r"truncated file: eof = (\d+), .*stored_eof = (\d+)")


@dataclass(frozen=True)
class Array:
    """An array of weights: its path in the file, and its shape."""

    path: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of its elements."""
        return prod(self.shape)


@dataclass(frozen=True)
class Header:
    """The layers in a weights file.

    Attributes:
        layout: "legacy", in the order of the layers; or "keras3", by the layers' classes.
        layers: The arrays of each layer that has weights, by name.
    """

    layout: Literal["legacy", "keras3"]
    layers: dict[str, tuple[Array, ...]]

    @property
    def arrays(self) -> list[Array]:
        """All arrays, in the file's order."""
        return [array for arrays in self.layers.values() for array in arrays]

    @property
    def parameters(self) -> int:
        """The number of elements of all arrays; each is stored in the file."""
        return sum(array.size for array in self.arrays)


def is_hdf5(path: Path) -> bool:
    """Whether a file is in HDF5, by its first bytes."""
    try:
        with open_regular(path) as file:
            return file.read(len(_HDF5)) == _HDF5
    except OSError:
        return False


@contextmanager
def opened_weights(path: Path, most_bytes: int) -> Iterator[tuple[Any, Header]]:
    """Open a weights file, and read its header.

    Args:
        path: An HDF5 or `.keras` file, by content.
        most_bytes: The size of the expected weights. Much larger files are not opened.

    Yields:
        The h5py group of the weights, and the header.

    Raises:
        DataError: The file is missing, not a weights file, truncated, damaged or unsafe.
    """
    import h5py

    with _as_hdf5(path, _MOST_TIMES * most_bytes + (64 << 20)) as hdf5:
        try:
            file = h5py.File(hdf5, "r")
        except OSError as error:
            raise _unreadable(path, error) from error
        with file:
            try:
                group, header = _read(file)
            except _Refused as refusal:
                raise DataError(
                    f"{path} is not a safe weights file.",
                    expected="plain arrays of floats in the layout of Keras",
                    received=str(refusal),
                ) from refusal
            except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
                raise DataError(
                    f"{path} is damaged.",
                    received=str(error),
                    remedy="download it again",
                ) from error
            yield group, header


class _Refused(Exception):
    """Content that does not belong in a weights file."""


def require_weights_file(path: Path) -> int:
    """Return the size of a weights file, by its first bytes HDF5 or `.keras`.

    Raises:
        DataError: The file is missing, or is not a weights file.
    """
    try:
        with open_regular(path) as file:
            start, size = file.read(512), file.seek(0, io.SEEK_END)
    except OSError as error:
        raise DataError(
            f"There is no weights file {path}.",
            received=error.strerror or str(error),
            remedy="give the path of a file, 'imagenet' or 'none' as `weights`",
        ) from error
    if not start.startswith((_HDF5, _ZIP)):
        raise DataError(
            f"{path} is not a weights file.",
            expected="HDF5 (.h5, .weights.h5) or a .keras file",
            received=looks_like(start),
            remedy="download it again; in a browser, save the file itself and not its web page",
        )
    return size


@contextmanager
def _as_hdf5(path: Path, most_bytes: int) -> Iterator[Path]:
    """Yield the file itself, or the HDF5 file of a `.keras` file, unpacked temporarily."""
    size = require_weights_file(path)
    if is_hdf5(path):
        if size > most_bytes:
            raise _oversized(path, size, most_bytes)
        yield path
    else:
        with TemporaryDirectory(prefix="viewfinder-") as folder:
            yield _unzipped(path, Path(folder), most_bytes)


@contextmanager
def archive_of(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a `.keras` file.

    Raises:
        OSError, zipfile.BadZipFile: It cannot be read, or has too many members.
    """
    with open_regular(path) as file:
        require_small_directory(file, _MOST_MEMBERS, may_have_comment=True)
        with zipfile.ZipFile(file) as archive:
            yield archive


def _unzipped(path: Path, folder: Path, most_bytes: int) -> Path:
    try:
        with archive_of(path) as archive:
            member = archive.getinfo(KERAS_WEIGHTS)
            if member.file_size > most_bytes:
                raise _oversized(path, member.file_size, most_bytes)
            return Path(archive.extract(member, folder))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(
            f"{path} is damaged, or not a .keras file.",
            expected=f"a zip file with {KERAS_WEIGHTS} in it",
            received=str(error).strip("'"),
            remedy="download or save it again",
        ) from error


def _read(file: Any) -> tuple[Any, Header]:
    if "layer_names" not in file.attrs and "model_weights" in file:
        file = _child(file, "model_weights")  # a whole model in the old format
    if any(name.startswith("layer_names") for name in file.attrs):
        return file, Header("legacy", _legacy_layers(file))
    return file, Header("keras3", _keras3_layers(file))


def _legacy_layers(group: Any) -> dict[str, tuple[Array, ...]]:
    layers = {}
    for name in _names_in(group, "layer_names"):
        layer = _child(group, name)
        arrays = [_array(_child(layer, weight)) for weight in _names_in(layer, "weight_names")]
        if arrays:
            layers[name] = tuple(arrays)
    return layers


def _keras3_layers(group: Any) -> dict[str, tuple[Array, ...]]:
    layers: dict[str, list[Array]] = {}
    for path, dataset in _datasets(group, depth=0):
        owner, is_vars, _ = path.rpartition("/vars/")
        array = _array(dataset)  # Keras reads all of them
        # An optimizer's state and the seeds of dropout are not weights.
        if is_vars and not path.startswith("optimizer/") and "seed_generator" not in path:
            layers.setdefault(owner, []).append(array)
    return {name: tuple(arrays) for name, arrays in layers.items()}


def _datasets(group: Any, depth: int, prefix: str = "") -> Iterator[tuple[str, Any]]:
    import h5py

    if depth > _DEEPEST or len(group) > _MOST_ARRAYS:
        raise _Refused(f"too many groups at {group.name}")
    for name in group:
        child = _child(group, name)
        if isinstance(child, h5py.Group):
            yield from _datasets(child, depth + 1, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", child


def _child(group: Any, name: str) -> Any:
    """Return a member of a group by hard links only, because other links may leave the file."""
    import h5py

    for step in name.split("/"):
        if not isinstance(group, h5py.Group) or step in ("", ".", ".."):
            raise _Refused(f"the name {name!r}")
        if step not in group:
            raise _Refused(f"no {name!r}, though it is listed")
        if not isinstance(group.get(step, getlink=True), h5py.HardLink):
            raise _Refused(f"a link out of the file at {name!r}")
        group = group[step]
    return group


def _array(dataset: Any) -> Array:
    """Return the path and shape of a dataset, if it is a plain array of numbers."""
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        raise _Refused(f"a group instead of an array: {dataset.name}")
    if dataset.is_virtual or dataset.external:
        raise _Refused(f"data outside the file: {dataset.name}")
    kind = dataset.dtype
    if kind.kind not in "fiu" or kind.itemsize > 8 or dataset.shape is None:
        raise _Refused(f"{dataset.name} of type {kind}")
    declared, stored = prod(dataset.shape) * kind.itemsize, dataset.id.get_storage_size()
    if dataset.id.get_create_plist().get_nfilters() or stored < declared:
        raise _Refused(f"{dataset.name} of {declared:,} bytes, of which {stored:,} are stored")
    return Array(str(dataset.name), tuple(dataset.shape))


def _names_in(group: Any, name: str) -> list[str]:
    """Read a list of names in a group's attributes; a long list takes several attributes."""
    attributes = [name] if name in group.attrs else _numbered(group, name)
    names: list[str] = []
    for attribute in attributes:
        listed = group.attrs.get_id(attribute)
        count = prod(listed.shape)
        if count > _MOST_ARRAYS or count * listed.dtype.itemsize > _MOST_NAME_BYTES:
            raise _Refused(f"a list of {count:,} names at {group.name}")
        names += [
            entry.decode() if isinstance(entry, bytes) else str(entry)
            for entry in group.attrs[attribute]
        ]
    return names


def _numbered(group: Any, name: str) -> list[str]:
    numbered: list[str] = []
    while f"{name}{len(numbered)}" in group.attrs:
        numbered.append(f"{name}{len(numbered)}")
    return numbered


def _unreadable(path: Path, error: OSError) -> DataError:
    truncated = _TRUNCATED.search(str(error))
    if truncated:
        found, whole = (int(number) for number in truncated.groups())
        return DataError(
            f"{path} is truncated.",
            expected=f"{whole:,} bytes",
            received=f"{found:,} bytes",
            remedy="download it again",
        )
    return DataError(f"{path} is damaged.", received=str(error), remedy="download it again")


def _oversized(path: Path, size: int, most_bytes: int) -> DataError:
    return DataError(
        f"{path} is far larger than the weights of this base.",
        expected=f"{most_bytes / 1e6:,.0f} MB at most",
        received=f"{size / 1e6:,.0f} MB",
        remedy="check that the file belongs to the base",
    )


def looks_like(start: bytes) -> str:
    """Describe a file of an unsupported format by its first bytes."""
    if not start:
        return "an empty file"
    head = start.lstrip().lower()
    if head.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page"
    if head.startswith(b"version https://git-lfs"):
        return "a pointer to a file in Git LFS, not the file"
    return f"a file that starts with {start[:8]!r}"
