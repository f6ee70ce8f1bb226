"""One process at a time, by a lock file that the system frees if its holder is killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from viewfinder.errors import OutputError, ViewfinderError
from viewfinder.progress import Progress

_SILENCE_S = 1.0


@contextmanager
def locked(path: Path, otherwise: ViewfinderError, *, patience: float = 0.0) -> Iterator[None]:
    """Hold a lock that others may not hold at the same time.

    Args:
        path: The lock file; made where it is absent, and left there.
        otherwise: Raised where another process holds it.
        patience: For so many seconds its end is waited for.

    Raises:
        OutputError: The folder cannot be written.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=patience)
    except Timeout as error:
        raise otherwise from error
    except OSError as error:
        raise OutputError(f"Cannot write {path.parent}: {error.strerror}.") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def locked_in_turn(path: Path, progress: Progress, why: str) -> Iterator[None]:
    """The same, waiting for as long as it takes; after a second, `why` is said."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=_SILENCE_S)
    except Timeout:
        progress.say(why)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
