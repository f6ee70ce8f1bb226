"""Callbacks that end a training in time; they work in anyone's `model.fit`.

A resumed training needs what a callback has seen: where one has `get_state` and `set_state`, as
those here have, its state is part of the checkpoints.
"""

import math
import time
from collections.abc import Callable
from typing import Any

import keras

from viewfinder.errors import UsageError
from viewfinder.stopping import Direction, direction_of, known_metric

Logs = dict[str, float]
State = dict[str, Any]


class Stopper(keras.callbacks.Callback):
    """A callback that may end the training, and says why.

    Attributes:
        reason: "target", "patience", "time" or "diverged" once it has ended the training.
        sentence: The same as a sentence, with figures.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reason: str | None = None
        self.sentence = ""

    def stop(self, reason: str, sentence: str) -> None:
        """End the training."""
        self.reason, self.sentence = reason, sentence
        self.model.stop_training = True

    def get_state(self) -> State:
        """What it has to remember when the training is resumed; JSON knows all of it."""
        return {}

    def set_state(self, state: State) -> None:
        """Take up what `get_state` gave."""


class StopAtTarget(Stopper):
    """Ends the training when a metric has reached its target.

    Args:
        metric: Its name in the logs, such as `val_accuracy`; `acc` is understood as `accuracy`.
        value: What is to be reached.
        hold: For how many epochs in a row.
        direction: "up" or "down": from where it is reached; by default as the name tells.
        restore_best: Whether the model gets the weights of the epoch in which the metric was best.

    Raises:
        UsageError: At the end of the first epoch, if there is no such metric.
    """

    def __init__(
        self,
        metric: str,
        value: float,
        *,
        hold: int = 1,
        direction: Direction | None = None,
        restore_best: bool = True,
    ) -> None:
        super().__init__()
        if hold < 1:
            raise UsageError("hold is a count of epochs, at least 1.", received=str(hold))
        self._metric, self._value, self._hold = metric, value, hold
        self._sign = 1 if (direction or direction_of(metric)) == "up" else -1
        self._restores = restore_best
        self._best: float | None = None
        self._weights: list[Any] | None = None
        self._held = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare."""
        logs = logs or {}
        name = known_metric(self._metric, logs)
        reached = logs[name] * self._sign
        if self._restores and (self._best is None or reached > self._best):
            self._best, self._weights = reached, self.model.get_weights()
        self._held = self._held + 1 if reached >= self._value * self._sign else 0
        if self._held >= self._hold:
            times = f", {self._held} times in a row" if self._hold > 1 else ""
            self.stop(
                "target",
                f"{name} has reached its target of {self._value:g} in epoch {epoch + 1}{times}.",
            )

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Restore the best weights."""
        if self._weights is not None:
            self.model.set_weights(self._weights)

    def get_state(self) -> State:
        """For how many epochs it has been held."""
        return {"held": self._held}

    def set_state(self, state: State) -> None:
        """Go on counting."""
        self._held = int(state["held"])


class StopIfBehind(Stopper):
    """Ends a training that is too far behind another one to catch up.

    Args:
        epoch: When it is looked at, from 1.
        accuracy: The `val_accuracy` that one of the epochs must have reached by then.
    """

    def __init__(self, epoch: int, accuracy: float) -> None:
        super().__init__()
        self._epoch, self._accuracy = epoch, accuracy
        self._best = 0.0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Look."""
        self._best = max(self._best, (logs or {}).get("val_accuracy", 0.0))
        if epoch + 1 == self._epoch and self._best < self._accuracy:
            self.stop(
                "behind",
                f"Given up after {epoch + 1} epochs: val_accuracy has reached {self._best:.3f}, "
                f"and {self._accuracy:.3f} would leave a chance.",
            )

    def get_state(self) -> State:
        """What has been reached."""
        return {"best": self._best}

    def set_state(self, state: State) -> None:
        """Take it up."""
        self._best = float(state["best"])


class StopWithoutProgress(Stopper):
    """Ends the training after some epochs in which a metric has not got better.

    Where it is equally good, a lower loss (of the same pictures) counts as better.

    Args:
        patience: How many epochs.
        metric: Its name in the logs; `val_acc` is understood as `val_accuracy`.
        direction: "up" or "down": where it is better; by default as the name tells.
    """

    def __init__(
        self,
        patience: int,
        metric: str = "val_accuracy",
        *,
        direction: Direction | None = None,
    ) -> None:
        super().__init__()
        if patience < 1:
            raise UsageError("patience is a count of epochs, at least 1.", received=str(patience))
        self._patience, self._metric = patience, metric
        self._sign = 1 if (direction or direction_of(metric)) == "up" else -1
        self._best: list[float] | None = None
        self._since = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare."""
        logs = logs or {}
        name = known_metric(self._metric, logs)
        loss = logs.get("val_loss" if name.startswith("val_") else "loss", 0.0)
        reached = [logs[name] * self._sign, -loss]
        self._since += 1
        if self._best is None or reached > self._best:
            self._best, self._since = reached, 0
        if self._since >= self._patience:
            best = epoch + 1 - self._since
            self.stop(
                "patience",
                f"{name} has not got better since epoch {best}: "
                f"{self._since} epochs, as many as the patience.",
            )

    def get_state(self) -> State:
        """The best so far, and how long ago it was."""
        return {"best": self._best, "since": self._since}

    def set_state(self, state: State) -> None:
        """Go on counting."""
        self._best, self._since = state["best"], int(state["since"])


class StopAfter(Stopper):
    """Ends the training with the batch at hand when its time is over.

    Args:
        seconds: From the beginning of the training, or from where it was resumed.
        clock: What tells the seconds.
    """

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds, self._clock = seconds, clock
        self._end = math.inf

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Look at the clock."""
        self._end = self._clock() + self._seconds

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Look at the clock."""
        self._look()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Look at the clock: validation takes its time, too."""
        self._look()

    def _look(self) -> None:
        if self.reason is None and self._clock() >= self._end:
            self.stop("time", f"The time of {self._seconds:g} s is over.")


class StopAtDivergence(Stopper):
    """Ends the training as soon as its loss is no number any more."""

    def __init__(self) -> None:
        super().__init__()
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Note the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            self.diverged(batch, f"the loss is {loss}")

    def diverged(self, batch: int, why: str) -> None:
        """End the training after this batch (from 0)."""
        self.stop(
            "diverged",
            f"The training has diverged in epoch {self._epoch + 1}, batch {batch + 1}: {why}.",
        )
