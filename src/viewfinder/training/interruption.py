"""Defers Ctrl-C to the end of the current batch."""

import signal
import threading
from typing import Any, Self

import keras
from typing_extensions import override

from viewfinder.training.adapters import Logs


class Interruption(keras.callbacks.Callback):
    """Raises `KeyboardInterrupt` after the current batch, on the first Ctrl-C in its context.

    Python raises `KeyboardInterrupt` anywhere. The exception is lost inside a callback of the
    garbage collector or a destructor (JAX registers such a callback, and may be loaded beside
    another backend), and it may interrupt the writing of a file. On the second Ctrl-C, Python
    raises at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_requested = False
        self._is_installed = False

    def __enter__(self) -> Self:
        # A handler that the program installed stays in force.
        is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if is_default and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._request)
            self._is_installed = True
        return self

    def __exit__(self, *_: Any) -> None:
        if self._is_installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._is_installed = False

    @override
    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._raise_if_requested()

    @override
    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._raise_if_requested()

    def _request(self, *_: object) -> None:
        self._is_requested = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def _raise_if_requested(self) -> None:
        if self._is_requested:
            raise KeyboardInterrupt
