"""What is said and drawn while the training goes on."""

import time
from collections.abc import Callable

import keras
import numpy as np
import pandas as pd

from viewfinder.core import curves
from viewfinder.core.progress import Progress

Logs = dict[str, float]

# Between two drawings lie this many seconds at least, and this many times what one has taken.
_APART_S, _APART_TIMES = 3.0, 20.0


History = Callable[[], pd.DataFrame]


def watchers(
    history: History, draw: Callable[[pd.DataFrame], None], progress: Progress
) -> list[keras.callbacks.Callback]:
    """The callbacks of this module: what is said, and the curves drawn by `draw`.

    Args:
        history: Gives the epochs so far, also those before a training was resumed: a row an
            epoch, with `epoch` (from 1), `loss` and, where there is validation, `val_loss`.
        draw: Draws such a history.
        progress: Where it is said.
    """
    return [Warnings(history, progress), Redrawing(history, draw, progress)]


class Warnings(keras.callbacks.Callback):
    """Says once when overfitting has set in, and once when the loss has diverged.

    Args:
        history: Gives the epochs so far; see :func:`watchers`.
        progress: Where it is said.

    Attributes:
        said: What was said so far: "overfitting", "diverged".
    """

    def __init__(self, history: History, progress: Progress) -> None:
        super().__init__()
        self.said: list[str] = []
        self._history = history
        self._progress = progress

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Look at the curves so far."""
        history = self._history()
        if "diverged" in self.said or history.empty:
            return
        if curves.is_blown_up(history["loss"]):
            self._say(
                "diverged",
                f"The training has diverged: the loss is {history['loss'].iloc[-1]:.4g} after "
                f"epoch {history['epoch'].iloc[-1]}. A lower learning rate may hold (--lr).",
            )
        elif "overfitting" not in self.said and "val_loss" in history:
            self._look_for_overfitting(history)

    def _look_for_overfitting(self, history: pd.DataFrame) -> None:
        rise = curves.rising_for_good(history["loss"], history["val_loss"])
        if rise:
            self._say(
                "overfitting",
                f"Overfitting since epoch {history['epoch'].iloc[rise.onset]}: the validation "
                f"loss has risen from {rise.low:.3f} to {rise.end:.3f} while the training loss "
                "fell. The best model is kept; more epochs will hardly help.",
            )

    def _say(self, what: str, text: str) -> None:
        self.said.append(what)
        self._progress.say(text, style="yellow")


class Redrawing(keras.callbacks.Callback):
    """Has the curves drawn again at the ends of epochs, but never for more than 5 % of the time.

    A drawing that fails is said once, and the training goes on without.

    Args:
        history: Gives the epochs so far; see :func:`watchers`.
        draw: Draws them.
        progress: Told of a failure.
        clock: Seconds, from any start.
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

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Draw, if the last drawing is long enough ago."""
        began = self._clock()
        if self._has_failed or began < self._next:
            return
        try:
            self._draw(self._history())
        except Exception as error:  # whatever a drawing does, hours of training are worth more
            self._has_failed = True
            self._progress.say(f"The plots cannot be drawn meanwhile: {error}", style="yellow")
        ended = self._clock()
        self._next = ended + max(_APART_S, _APART_TIMES * (ended - began))
