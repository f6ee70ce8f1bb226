"""What decoders say to the user behind our back, silenced while one of our calls runs.

Both the warning filters and the file behind stderr belong to the whole process. Two threads that
each save and restore them may do so in the wrong order, so the first one in saves and silences,
and the last one out restores.
"""

import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Pillow logs what it does not like; without any handler Python would print that.
logging.getLogger("PIL").addHandler(logging.NullHandler())

Restore = Callable[[], None]


class _Shared:
    """A silence that lasts while any thread is inside."""

    def __init__(self, silence: Callable[[], Restore]) -> None:
        self._silence = silence
        self._restore: Restore = _nothing
        self._inside = 0
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._inside == 0:
                self._restore = self._silence()
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    self._restore()


def _nothing() -> None:
    pass


def _silence_pillow() -> Restore:
    saved = warnings.catch_warnings()
    saved.__enter__()
    warnings.filterwarnings("ignore", module=r"PIL\.")
    return lambda: saved.__exit__(None, None, None)


def _silence_stderr() -> Restore:
    try:
        saved = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
    except OSError:  # there is no stderr that could be written to
        return _nothing
    os.dup2(nowhere, 2)
    os.close(nowhere)

    def restore() -> None:
        os.dup2(saved, 2)
        os.close(saved)

    return restore


quiet_pillow = _Shared(_silence_pillow)
"""Within it, the warnings of Pillow's modules are ignored."""

quiet_libtiff = _Shared(_silence_stderr)
"""Within it, nothing reaches stderr: the only way to stop libtiff, which prints from C."""
