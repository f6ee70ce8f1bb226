"""What is said and drawn while the training goes on."""

import time
from collections.abc import Callable

import keras
import numpy as np
import pandas as pd

from viewfinder import curves
from viewfinder.progress import Progress

Logs = dict[str, float]

# Between two drawings lie this many seconds at least, and this many times what one has taken.
_APART_S, _APART_TIMES = 3.0, 20.0


class Warnings(keras.callbacks.Callback):
    """Says once when overfitting has set in, and once when the loss has diverged.

    Attributes:
        said: What was said so far: "overfitting", "diverged".
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self.said: list[str] = []
        self._progress = progress
        self._epochs: list[int] = []
        self._training: list[float] = []
        self._validation: list[float] = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Look at the curves so far."""
        logs = logs or {}
        self._epochs.append(epoch + 1)
        self._training.append(float(logs.get("loss", np.nan)))
        self._validation.append(float(logs.get("val_loss", np.nan)))
        if "loss" in logs and "diverged" not in self.said:
            self._look_for_divergence()
        if "val_loss" in logs and not self.said:
            self._look_for_overfitting()

    def _look_for_divergence(self) -> None:
        if curves.is_blown_up(self._training):
            self._say(
                "diverged",
                f"The training has diverged: the loss is {self._training[-1]:.4g} after epoch "
                f"{self._epochs[-1]}. A lower learning rate may hold (--lr).",
            )

    def _look_for_overfitting(self) -> None:
        rise = curves.rising_for_good(self._training, self._validation)
        if rise:
            self._say(
                "overfitting",
                f"Overfitting since epoch {self._epochs[rise.onset]}: the validation loss has "
                f"risen from {rise.low:.3f} to {rise.end:.3f} while the training loss fell. The "
                "best model is kept; more epochs will hardly help.",
            )

    def _say(self, what: str, text: str) -> None:
        self.said.append(what)
        self._progress.say(text, style="yellow")


class Redrawing(keras.callbacks.Callback):
    """Has the curves drawn again at the ends of epochs, but never for more than 5 % of the time.

    A drawing that fails is said once, and the training goes on without.

    Args:
        draw: Draws a history: a row an epoch, with `epoch` (from 1) and the metrics.
        progress: Told of a failure.
        clock: Seconds, from any start.
    """

    def __init__(
        self,
        draw: Callable[[pd.DataFrame], None],
        progress: Progress,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__()
        self._draw = draw
        self._progress = progress
        self._clock = clock
        self._rows: list[dict[str, float]] = []
        self._next = 0.0
        self._has_failed = False

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Draw, if the last drawing is long enough ago."""
        self._rows.append({"epoch": epoch + 1, **(logs or {})})
        began = self._clock()
        if self._has_failed or (len(self._rows) > 1 and began < self._next):
            return
        try:
            self._draw(pd.DataFrame(self._rows))
        except Exception as error:  # whatever a drawing does, hours of training are worth more
            self._has_failed = True
            self._progress.say(f"The plots cannot be drawn meanwhile: {error}", style="yellow")
        ended = self._clock()
        self._next = ended + max(_APART_S, _APART_TIMES * (ended - began))
