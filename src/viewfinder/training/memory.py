"""What a backend raises when the memory is too small, in words."""

from collections.abc import Iterator

from viewfinder.batches import Batches
from viewfinder.errors import OutOfMemory
from viewfinder.training.adapters import Feed

_SIGNS = ("RESOURCE_EXHAUSTED", "MemoryError", "OOM when allocating", "out of memory")
_TYPES = ("ResourceExhaustedError", "OutOfMemoryError", "MemoryError", "_ArrayMemoryError")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the memory was too small, in any backend's words, for this or what it came from."""
    return any(
        type(one).__name__ in _TYPES or any(sign in str(one) for sign in _SIGNS)
        for one in _chain(error)
    )


def out_of_memory(batches: Feed) -> OutOfMemory:
    """The error for the user: it names a batch that needs half as much."""
    if isinstance(batches, Batches):
        each = "pictures of " + " × ".join(map(str, batches.image_shape))
    else:
        each = f"pictures of {batches.features.shape[-1]} features"
    half = batches.batch_size // 2
    return OutOfMemory(
        f"The memory is too small for a batch of {batches.batch_size} {each}.",
        expected=f"a batch of about {half}" if half else "smaller pictures",
        remedy=f"--batch-size {half}" if half else "a smaller --image-size or a smaller model",
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
