"""Callbacks that warn, draw the curves, and log for TensorBoard, while training."""

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from typing_extensions import override

from viewfinder.core import curves
from viewfinder.core.errors import UsageError
from viewfinder.core.progress import Progress
from viewfinder.training.adapters import Logs

History = Callable[[], pd.DataFrame]

# The least time between two drawings, in seconds and as a multiple of the last one's duration.
_MIN_SECONDS, _MIN_MULTIPLE = 3.0, 20.0


class Warnings(keras.callbacks.Callback):
    """Prints a warning once when the model overfits, and once when the loss diverges.

    Args:
        history: Returns the epochs so far, including those before the training was resumed: a
            row for each epoch, with `epoch` (from 1), `loss` and, with validation, `val_loss`.
        progress: Prints the warnings.

    Attributes:
        printed: The warnings printed so far: "overfitting", "diverged".
    """

    def __init__(self, history: History, progress: Progress) -> None:
        super().__init__()
        self.printed: list[str] = []
        self._history = history
        self._progress = progress

    @override
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        history = self._history()
        if "diverged" in self.printed or history.empty:
            return
        if curves.is_blown_up(history["loss"]):
            self._warn(
                "diverged",
                f"The training has diverged: the loss is {history['loss'].iloc[-1]:.4g} after "
                f"epoch {history['epoch'].iloc[-1]}. A lower learning rate may help.",
            )
        elif "overfitting" not in self.printed and "val_loss" in history:
            self._warn_of_overfitting(history)

    def _warn_of_overfitting(self, history: pd.DataFrame) -> None:
        rise = curves.rising_for_good(history["loss"], history["val_loss"])
        if rise:
            self._warn(
                "overfitting",
                f"Overfitting since epoch {history['epoch'].iloc[rise.onset]}: the validation "
                f"loss has risen from {rise.low:.3f} to {rise.end:.3f} while the training loss "
                "fell. The best model is saved; more epochs are unlikely to help.",
            )

    def _warn(self, kind: str, text: str) -> None:
        self.printed.append(kind)
        self._progress.say(text, style="yellow")


class Redrawing(keras.callbacks.Callback):
    """Redraws the curves at the ends of epochs, within 5 % of the training's time.

    If drawing fails, prints the error once and draws no more; the training continues.

    Args:
        history: Returns the epochs so far; see :class:`Warnings`.
        draw: Draws the history.
        progress: Prints a failure.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        history: History,
        draw: Callable[[pd.DataFrame], None],
        progress: Progress,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__()
        self._history = history
        self._draw = draw
        self._progress = progress
        self._clock = clock
        self._next = -np.inf
        self._has_failed = False

    @override
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        began = self._clock()
        if self._has_failed or began < self._next:
            return
        try:
            self._draw(self._history())
        except Exception as error:  # an error of any kind must not end a training of hours
            self._has_failed = True
            self._progress.say(f"Cannot draw the curves during training: {error}", style="yellow")
        ended = self._clock()
        self._next = ended + max(_MIN_SECONDS, _MIN_MULTIPLE * (ended - began))


def require_tensorboard() -> None:
    """Raise `UsageError` unless TensorFlow and TensorBoard can be imported."""
    missing = [name for name in ("tensorflow", "tensorboard") if not find_spec(name)]
    if missing:
        raise UsageError(
            f"TensorBoard's logs cannot be written: {' and '.join(missing)} cannot be imported.",
            expected="TensorFlow and TensorBoard, with any backend",
            remedy="pip install 'viewfinder[cpu,tensorboard]', or train without `tensorboard`",
        )


def tensorboard_logs(run: Path) -> keras.callbacks.Callback:
    """Return a callback that logs each epoch for `tensorboard --logdir RUN/tensorboard`."""
    require_tensorboard()
    return keras.callbacks.TensorBoard(str(run / "tensorboard"), write_graph=False)
