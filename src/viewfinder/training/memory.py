"""Detects that a backend is out of memory, and finds a batch size that fits."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import keras

from viewfinder.augment.batches import Batches
from viewfinder.core.errors import OutOfMemory
from viewfinder.training.adapters import Feed

_SIGNS = ("RESOURCE_EXHAUSTED", "MemoryError", "OOM when allocating", "out of memory")
_TYPES = ("ResourceExhaustedError", "OutOfMemoryError", "MemoryError", "_ArrayMemoryError")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error or one of its causes is any backend's out-of-memory error."""
    return any(
        type(cause).__name__ in _TYPES or any(sign in str(cause) for sign in _SIGNS)
        for cause in _chain(error)
    )


def out_of_memory(model: keras.Model, batches: Feed, say: Callable[[str], None]) -> OutOfMemory:
    """Return an error that names a batch size whose training step fits in memory.

    Tries half a batch, a quarter, and so on, with a training step each, which changes the
    model's weights.

    Args:
        model: Compiled.
        batches: The training batches that were too large.
        say: Prints a line before the tries.
    """
    say("The memory is too small for a batch: trying smaller batches …")
    fits = _half_that_fits(model, batches)
    if isinstance(batches, Batches):
        each = "pictures of " + " × ".join(map(str, batches.image_shape))
    else:
        each = f"pictures of {batches.features.shape[-1]} features"
    return OutOfMemory(
        f"The memory is too small for a batch of {batches.batch_size} {each}.",
        expected=f"a batch of {fits}, whose training step fits" if fits else None,
        received=None if fits else "too little memory for any batch tried",
        remedy=f"training.batch_size={fits}" if fits else "a smaller input.size or a smaller model",
    )


def _half_that_fits(model: keras.Model, batches: Feed) -> int:
    """Return the largest half, quarter, … of a batch whose step fits in memory; 0 if none does.

    Every try is at the full size of the pictures, whichever stage of the training failed.
    """
    size = min(batches.batch_size, len(batches.labels)) // 2
    while size:
        try:
            batch = replace(batches, batch_size=size).batch(0)
            model.make_train_function(force=True)  # compiles the step for this size
            model.train_on_batch(batch.images, batch.targets)
        except Exception as error:
            if not is_out_of_memory(error):  # the backend is no longer usable
                return 0
            size //= 2
        else:
            return size
    return 0


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
