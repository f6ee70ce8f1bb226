"""Ctrl-C as a wish that is granted between two batches."""

import signal
import threading
from types import FrameType
from typing import Any, Self

import keras

Logs = dict[str, float]


class Interruption(keras.callbacks.Callback):
    """While it is entered, the first Ctrl-C ends the training after the batch at hand.

    Python's own way is an exception out of the blue. It is lost where it comes while the garbage
    collector or a destructor calls back (JAX has such a call, and may be loaded beside another
    backend), and it may come while a file is being written. The second Ctrl-C has Python's own way.

    Attributes:
        asked: Whether Ctrl-C was pressed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked = False
        self._is_listening = False

    def __enter__(self) -> Self:
        # Whoever has a handler of their own, or ignores the signal, knows better.
        is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if is_default and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._ask)
            self._is_listening = True
        return self

    def __exit__(self, *_: Any) -> None:
        if self._is_listening:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._is_listening = False

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """End the training if that was asked for."""
        self._grant()

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """End the training if that was asked for."""
        self._grant()

    def _ask(self, signal_number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def _grant(self) -> None:
        if self.asked:
            raise KeyboardInterrupt
