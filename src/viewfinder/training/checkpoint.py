"""Checkpoints: all that a training has come to, in a file that is whole or is not believed.

A file is a line with a checksum, and a NumPy archive: every variable of model, optimizer and
metrics, and as JSON what the callbacks remember. It is written whole under a new number; the one
before it stays until the next.
"""

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import RunError
from viewfinder.core.files import written_whole

FOLDER = "checkpoint"

_MAGIC = b"viewfinder-checkpoint 1 "
_KEPT = 2
# What a step changes; seeds of dropout are among the non-trainable variables.
_WEIGHTS = ("trainable", "non_trainable")

Arrays = dict[str, list[NDArray[Any]]]


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stands after a batch.

    Attributes:
        epoch: The epoch at hand, from 0.
        batch: How many of its batches are done.
        arrays: The values of the model's variables, by kind: "trainable", "non_trainable" (with
            the seeds of dropout), "optimizer" (with the schedule's step and averaged weights) and
            "metrics" (what the epoch's figures are made of).
        memory: What else is to be remembered, as JSON knows it.
    """

    epoch: int
    batch: int
    arrays: Arrays
    memory: dict[str, Any]

    @classmethod
    def of(cls, model: keras.Model, epoch: int, batch: int, memory: dict[str, Any]) -> "Checkpoint":
        """What this model has come to."""
        if hasattr(model, "jax_state_sync"):  # on JAX the variables lag behind within an epoch
            model.jax_state_sync()
        arrays = {
            kind: [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]
            for kind, variables in _variables(model).items()
        }
        return cls(epoch, batch, arrays, memory)

    @property
    def is_finite(self) -> bool:
        """Whether every weight is a number."""
        return all(np.isfinite(array).all() for kind in _WEIGHTS for array in self.arrays[kind])

    def restore(self, model: keras.Model) -> None:
        """Put model and optimizer where they were; the metrics have :meth:`restore_metrics`.

        Raises:
            RunError: It is the checkpoint of another model.
        """
        for kind in (*_WEIGHTS, "optimizer"):
            self._assign(model, kind)

    def restore_metrics(self, model: keras.Model) -> None:
        """Put the metrics where they were: once Keras has reset them for the epoch."""
        self._assign(model, "metrics")

    def _assign(self, model: keras.Model, kind: str) -> None:
        variables, values = _variables(model)[kind], self.arrays[kind]
        shapes = [tuple(variable.shape) for variable in variables]
        if shapes != [value.shape for value in values]:
            raise RunError(
                f"The checkpoint does not fit the model: its {kind} variables differ.",
                expected=f"{len(shapes)} variables, as the recipe makes them",
                received=f"{len(values)}",
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


class Checkpoints:
    """The checkpoints in a folder: the newest, and the one before it.

    Args:
        folder: Made when the first one is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, checkpoint: Checkpoint) -> None:
        """Keep this one, and the one before it."""
        there = self._files()
        number = int(there[-1].stem) + 1 if there else 1
        content = _packed(checkpoint)
        checksum = _checksum(content)
        with written_whole(self._folder / f"{number:06}.checkpoint") as temporary:
            temporary.write_bytes(_MAGIC + checksum + b"\n" + content)
        for old in there[: 1 - _KEPT]:
            old.unlink(missing_ok=True)

    def clear(self) -> None:
        """Take all of them away."""
        for path in self._files():
            path.unlink(missing_ok=True)

    def newest(self, say: Callable[[str], None]) -> Checkpoint | None:
        """The newest that is whole, or None; what is damaged is named and taken away.

        Raises:
            RunError: One cannot be read now, which says nothing about what is in it.
        """
        files = self._files()
        for path in reversed(files):
            try:
                content = path.read_bytes()
            except OSError as error:
                raise RunError(f"Checkpoint {path} cannot be read: {error}.") from error
            try:
                return _unpacked(content)
            except (ValueError, KeyError) as error:
                before = (
                    "the one before" if path != files[0] else "the beginning: there is no other"
                )
                say(f"Checkpoint {path.name} is damaged ({error}); going back to {before}.")
                path.unlink(missing_ok=True)
        return None

    def _files(self) -> list[Path]:
        return sorted(
            (path for path in self._folder.glob("*.checkpoint") if path.stem.isdecimal()),
            key=lambda path: int(path.stem),
        )


def _variables(model: keras.Model) -> dict[str, list[Any]]:
    return {
        "trainable": model.trainable_variables,
        "non_trainable": model.non_trainable_variables,
        "optimizer": model.optimizer.variables,
        "metrics": model.metrics_variables,
    }


def _packed(checkpoint: Checkpoint) -> bytes:
    counts = {kind: len(values) for kind, values in checkpoint.arrays.items()}
    head = {
        "epoch": checkpoint.epoch,
        "batch": checkpoint.batch,
        "counts": counts,
        "memory": checkpoint.memory,
    }
    values = [value for kind in counts for value in checkpoint.arrays[kind]]
    archive = io.BytesIO()
    np.savez(archive, np.frombuffer(json.dumps(head).encode(), np.uint8), *values)
    return archive.getvalue()


def _unpacked(data: bytes) -> Checkpoint:
    """The checkpoint in a file's bytes; `ValueError` or `KeyError` if they are not all there."""
    line, _, content = data.partition(b"\n")
    if not line.startswith(_MAGIC) or line[len(_MAGIC) :] != _checksum(content):
        raise ValueError("its checksum does not match")
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        first, *values = (archive[name] for name in archive.files)
    head = json.loads(first.tobytes())
    left = iter(values)
    arrays = {kind: list(islice(left, count)) for kind, count in head["counts"].items()}
    return Checkpoint(head["epoch"], head["batch"], arrays, head["memory"])


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).hexdigest().encode()
