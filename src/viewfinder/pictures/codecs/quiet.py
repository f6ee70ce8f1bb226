"""Suppression of the messages that decoders print by themselves.

Warning filters and the file behind stderr belong to the whole process. Two threads that each save
and restore them may do so in the wrong order, so the first thread to enter saves and silences, and
the last one to leave restores.
"""

import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Without a handler, Python prints what Pillow logs.
logging.getLogger("PIL").addHandler(logging.NullHandler())

Restore = Callable[[], None]


class _Shared:
    """A context manager that silences while any thread is inside."""

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
        devnull = os.open(os.devnull, os.O_WRONLY)
    except OSError:  # there is no stderr
        return _nothing
    os.dup2(devnull, 2)
    os.close(devnull)

    def restore() -> None:
        os.dup2(saved, 2)
        os.close(saved)

    return restore


quiet_pillow = _Shared(_silence_pillow)
"""Ignores the warnings of Pillow's modules."""

quiet_libtiff = _Shared(_silence_stderr)
"""Discards everything on stderr: the only way to silence libtiff, which prints from C."""
