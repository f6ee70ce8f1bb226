"""Checkpoints: the state of a training in a file with a checksum.

A file is a line with a checksum, and a NumPy archive: every variable of model, optimizer and
metrics, and as JSON the state of the callbacks. Each file is written atomically under a new number;
the folder has the newest two.
"""

import hashlib
import io
import json
import math
import time
from collections.abc import Callable, Iterable
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
# The variables that a step changes; dropout's seeds are among the non-trainable ones.
_WEIGHTS = ("trainable", "non_trainable")

Arrays = dict[str, list[NDArray[Any]]]


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after a batch.

    Attributes:
        epoch: The current epoch, from 0.
        batch: The number of its batches that are done.
        arrays: The values of the model's variables, by kind: "trainable", "non_trainable" (with
            the seeds of dropout), "optimizer" (with the schedule's step and averaged weights) and
            "metrics" (the accumulators of the epoch's metrics).
        memory: The state of the callbacks and the elapsed time, in JSON types.
    """

    epoch: int
    batch: int
    arrays: Arrays
    memory: dict[str, Any]

    @classmethod
    def of(cls, model: keras.Model, epoch: int, batch: int, memory: dict[str, Any]) -> "Checkpoint":
        """Return the state of this model."""
        synchronize(model)
        arrays = {kind: values_of(variables) for kind, variables in _variables(model).items()}
        return cls(epoch, batch, arrays, memory)

    @property
    def is_finite(self) -> bool:
        """Whether every weight is finite."""
        return all(np.isfinite(array).all() for kind in _WEIGHTS for array in self.arrays[kind])

    def restore(self, model: keras.Model) -> None:
        """Restore model and optimizer; :meth:`restore_metrics` restores the metrics.

        Raises:
            RunError: The checkpoint is of another model.
        """
        for kind in (*_WEIGHTS, "optimizer"):
            self._assign(model, kind)

    def restore_metrics(self, model: keras.Model) -> None:
        """Restore the metrics, after Keras has reset them at the beginning of the epoch."""
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
        assign(variables, values)


class Checkpoints:
    """The two newest checkpoints of a training, in a folder.

    Args:
        folder: Created with the first checkpoint.
        seconds: The interval after which a checkpoint is due.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        folder: Path,
        seconds: float = math.inf,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._seconds, self._clock = seconds, clock
        self._last = clock()

    @property
    def is_due(self) -> bool:
        """Whether the last checkpoint is older than the interval."""
        return self._clock() - self._last >= self._seconds

    def write(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, delete all but the newest two, and restart the interval."""
        earlier = self._files()
        number = int(earlier[-1].stem) + 1 if earlier else 1
        content = _packed(checkpoint)
        checksum = _checksum(content)
        with written_whole(self._folder / f"{number:06}.checkpoint") as temporary:
            temporary.write_bytes(_MAGIC + checksum + b"\n" + content)
        for old in earlier[: 1 - _KEPT]:
            old.unlink(missing_ok=True)
        self._last = self._clock()

    def clear(self) -> None:
        """Delete all checkpoints."""
        for path in self._files():
            path.unlink(missing_ok=True)

    def newest(self, say: Callable[[str], None]) -> Checkpoint | None:
        """Return the newest undamaged checkpoint or None; report and delete damaged ones.

        Raises:
            RunError: A file cannot be read; that does not mean that it is damaged.
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
                is_last = path == files[0]
                start = "the beginning, for lack of another" if is_last else "the one before it"
                say(f"Checkpoint {path.name} is damaged ({error}); resuming from {start}.")
                path.unlink(missing_ok=True)
        return None

    def _files(self) -> list[Path]:
        return sorted(
            (path for path in self._folder.glob("*.checkpoint") if path.stem.isdecimal()),
            key=lambda path: int(path.stem),
        )


def synchronize(model: keras.Model) -> None:
    """Bring the variables up to date: on JAX, they lag behind within an epoch."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()


def values_of(variables: Iterable[Any]) -> list[NDArray[Any]]:
    """Copy the variables' values."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def assign(variables: Iterable[Any], values: Iterable[NDArray[Any]]) -> None:
    """Assign values, in the order of the variables."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


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
    """Parse a file's bytes; raise `ValueError` or `KeyError` if they are damaged."""
    line, _, content = data.partition(b"\n")
    if not line.startswith(_MAGIC) or line[len(_MAGIC) :] != _checksum(content):
        raise ValueError("its checksum does not match")
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        first, *values = (archive[name] for name in archive.files)
    head = json.loads(first.tobytes())
    remaining = iter(values)
    arrays = {kind: list(islice(remaining, count)) for kind, count in head["counts"].items()}
    return Checkpoint(head["epoch"], head["batch"], arrays, head["memory"])


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).hexdigest().encode()
