"""What a backend raises when the memory is too small, in words, and a batch that does fit."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import keras

from viewfinder.batches.pictures import Batches
from viewfinder.core.errors import OutOfMemory
from viewfinder.training.adapters import Feed

_SIGNS = ("RESOURCE_EXHAUSTED", "MemoryError", "OOM when allocating", "out of memory")
_TYPES = ("ResourceExhaustedError", "OutOfMemoryError", "MemoryError", "_ArrayMemoryError")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the memory was too small, in any backend's words, for this or what it came from."""
    return any(
        type(one).__name__ in _TYPES or any(sign in str(one) for sign in _SIGNS)
        for one in _chain(error)
    )


def out_of_memory(model: keras.Model, batches: Feed, say: Callable[[str], None]) -> OutOfMemory:
    """The error for the user, after a step has not fitted: it names a batch that does.

    Half a batch is tried, a quarter, and so on, by a training step each: the model's weights are
    of no use afterwards.

    Args:
        model: Compiled.
        batches: The training batches that were too large.
        say: Told what is tried.
    """
    say("The memory is too small for a batch: trying smaller ones …")
    fits = _half_that_fits(model, batches)
    if isinstance(batches, Batches):
        each = "pictures of " + " × ".join(map(str, batches.image_shape))
    else:
        each = f"pictures of {batches.features.shape[-1]} features"
    return OutOfMemory(
        f"The memory is too small for a batch of {batches.batch_size} {each}.",
        expected=f"a batch of {fits}, with which a step was tried and fits" if fits else None,
        received=None if fits else "too little memory for any batch that was tried",
        remedy=f"--batch-size {fits}" if fits else "a smaller --image-size or a smaller model",
    )


def _half_that_fits(model: keras.Model, batches: Feed) -> int:
    """The largest half, quarter, … of a batch whose step fits in memory; 0 where none was seen to.

    At the full size of the pictures, whatever stage of the training has failed.
    """
    size = min(batches.batch_size, len(batches.labels)) // 2
    while size:
        try:
            batch = replace(batches, batch_size=size).batch(0)
            model.make_train_function(force=True)  # compiled anew for this size
            model.train_on_batch(batch.images, batch.targets)
        except Exception as error:
            if not is_out_of_memory(error):  # a backend that is of no more use
                return 0
            size //= 2
        else:
            return size
    return 0


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
