"""Tensors of a file that `torch.save` wrote before PyTorch 1.6, read without PyTorch.

Such a file is five pickles (a magic number, a version, the system, the tensors, the keys of their
storages), then the storages: each a count, int64, and its numbers. A pickle can call anything, so
only what builds tensors is admitted, and none of it is PyTorch's.
"""

import io
import math
import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import DataError

_MAGIC = 0x1950A86A20F9469CFC6C


def read_tensors(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the tensors of a state dictionary by name.

    Raises:
        DataError: The bytes are no such file, or ask for anything but tensors.
    """
    file = io.BytesIO(content)
    try:
        if _Tensors(file).load() != _MAGIC:
            raise ValueError("another magic number")
        for _ in range(2):  # the version and the system
            _Tensors(file).load()
        reader = _Tensors(file)
        tensors = reader.load()
        storages = {key: _storage(file, *reader.storages[key]) for key in _Tensors(file).load()}
        return {str(name): tensor.values(storages) for name, tensor in tensors.items()}
    except Exception as error:  # a damaged pickle may raise anything
        raise DataError(
            "The file is not a state dictionary of PyTorch that can be read safely.",
            expected="tensors only, as torch.save wrote them before PyTorch 1.6",
            received=f"{type(error).__name__}: {error}",
        ) from error


@dataclass(frozen=True)
class _Tensor:
    key: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def values(self, storages: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """Return the tensor as an array of its own."""
        storage = storages[self.key]
        last = sum((side - 1) * step for side, step in zip(self.shape, self.strides, strict=True))
        is_outside = min((self.offset, *self.shape, *self.strides)) < 0 or (
            self.offset + last >= len(storage) or math.prod(self.shape) > len(storage)
        )
        if is_outside:
            raise ValueError("a tensor outside its storage")
        steps = [step * storage.itemsize for step in self.strides]
        view = np.lib.stride_tricks.as_strided(storage[self.offset :], self.shape, steps)
        return np.ascontiguousarray(view)


def _tensor(key: str, offset: int, shape: Any, strides: Any, *_: Any) -> _Tensor:
    """Take what PyTorch's `_rebuild_tensor_v2` takes."""
    return _Tensor(key, offset, tuple(shape), tuple(strides))


def _storage(file: io.BytesIO, dtype: "np.dtype[Any]", count: int) -> NDArray[Any]:
    if int.from_bytes(file.read(8), "little", signed=True) != count:
        raise ValueError("a storage of another length")
    return np.frombuffer(file.read(count * dtype.itemsize), dtype, count)


_ADMITTED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _Tensors(pickle.Unpickler):
    """An unpickler that admits tensors only; `storages` has the type and length of each storage."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.storages: dict[str, tuple[np.dtype[Any], int]] = {}

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        try:
            return _ADMITTED[module, name]  # type: ignore[no-any-return]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None

    def persistent_load(self, pid: Any) -> str:
        _, dtype, key, _, count, _ = pid
        self.storages[key] = dtype, int(count)
        return str(key)
