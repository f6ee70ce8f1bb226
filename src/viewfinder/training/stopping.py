"""Callbacks that end a training in time; they work in anyone's `model.fit`.

A resumed training needs what a callback has seen: where one has `get_state` and `set_state`, as
those here have, its state is part of the checkpoints.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import keras

from viewfinder.core.errors import UsageError
from viewfinder.recipe.stopping import Direction, direction_of, known_metric

Logs = dict[str, float]
State = dict[str, Any]


# What the callbacks remember before the first epoch.
_NOTHING_SEEN: State = {"best": None, "held": 0, "since": 0}


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


class _Judge(Stopper, ABC):
    """Looks at one metric after each epoch, and remembers the weights with which it was best.

    Where it is equally good, a lower loss (of the same pictures) counts as better.

    Args:
        metric: Its name in the logs, such as `val_accuracy`; `acc` is understood as `accuracy`.
        direction: "up" or "down": where it is better; by default as the name tells.
        restore_best: Whether the model gets the weights of the best epoch when the training ends,
            whatever ends it. A run of ours has them in `best.keras`, and restores none.
        validation_freq: As given to `fit`: a metric of validation is looked for in every so many
            epochs, and epochs without it count for nothing.

    Raises:
        UsageError: At the end of the first epoch that should have it, if there is no such metric.
    """

    def __init__(
        self,
        metric: str,
        direction: Direction | None = None,
        *,
        restore_best: bool,
        validation_freq: int,
    ) -> None:
        super().__init__()
        if validation_freq < 1:
            raise UsageError(
                "validation_freq is a count of epochs, at least 1.", received=str(validation_freq)
            )
        self._metric = metric
        self._every = validation_freq if metric.startswith("val_") else 1
        self._sign = 1 if (direction or direction_of(metric)) == "up" else -1
        self.restores_best = restore_best
        self._best: list[float] | None = None
        self._weights: list[Any] | None = None

    def set_model(self, model: keras.Model) -> None:
        """Begin anew with another model: a callback may go from one training to the next."""
        if self._model not in (None, model):
            self.reason, self.sentence, self._weights = None, "", None
            self.set_state(_NOTHING_SEEN)
        super().set_model(model)

    @abstractmethod
    def look(self, epoch: int, name: str, value: float, *, is_best: bool) -> None:
        """End the training, or not.

        Args:
            epoch: Its number, from 0.
            name: The metric's, as it is in the logs.
            value: The metric, the higher the better.
            is_best: Whether it is better than all before.
        """

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare."""
        if (epoch + 1) % self._every:
            return
        logs = logs or {}
        name = known_metric(self._metric, logs)
        loss = logs.get("val_loss" if name.startswith("val_") else "loss", 0.0)
        value = logs[name] * self._sign
        is_best = self._best is None or [value, -loss] > self._best
        if is_best:
            self._best = [value, -loss]
            self._weights = self.model.get_weights() if self.restores_best else None
        self.look(epoch, name, value, is_best=is_best)

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Restore the best weights."""
        if self._weights is not None:
            self.model.set_weights(self._weights)

    def get_state(self) -> State:
        """The best so far."""
        return {"best": self._best}

    def set_state(self, state: State) -> None:
        """Take it up."""
        self._best = state.get("best")


class StopAtTarget(_Judge):
    """Ends the training when a metric has reached its target.

    Args:
        metric: Its name in the logs, such as `val_accuracy`; `acc` is understood as `accuracy`.
        value: What is to be reached.
        hold: For how many epochs in a row.
        direction: "up" or "down": from where it is reached; by default as the name tells.
        restore_best: Whether the model gets the weights of the epoch in which the metric was best.
        validation_freq: As given to `fit`, where that is not 1.

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
        validation_freq: int = 1,
    ) -> None:
        super().__init__(
            metric, direction, restore_best=restore_best, validation_freq=validation_freq
        )
        if hold < 1:
            raise UsageError("hold is a count of epochs, at least 1.", received=str(hold))
        self._value, self._hold = value, hold
        self._held = 0

    def look(self, epoch: int, name: str, value: float, *, is_best: bool) -> None:  # noqa: ARG002
        """Count for how long it has been reached."""
        self._held = self._held + 1 if value >= self._value * self._sign else 0
        if self._held >= self._hold:
            times = f", {self._held} times in a row" if self._hold > 1 else ""
            self.stop(
                "target",
                f"{name} has reached its target of {self._value:g} in epoch {epoch + 1}{times}.",
            )

    def get_state(self) -> State:
        """The best so far, and for how many epochs the target has been held."""
        return {**super().get_state(), "held": self._held}

    def set_state(self, state: State) -> None:
        """Go on counting."""
        super().set_state(state)
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


class StopWithoutProgress(_Judge):
    """Ends the training after some epochs in which a metric has not got better.

    Where it is equally good, a lower loss (of the same pictures) counts as better.

    Args:
        patience: How many epochs.
        metric: Its name in the logs; `val_acc` is understood as `val_accuracy`.
        direction: "up" or "down": where it is better; by default as the name tells.
        restore_best: Whether the model gets the weights of the epoch in which the metric was best.
        validation_freq: As given to `fit`, where that is not 1.

    Raises:
        UsageError: At the end of the first epoch, if there is no such metric.
    """

    def __init__(
        self,
        patience: int,
        metric: str = "val_accuracy",
        *,
        direction: Direction | None = None,
        restore_best: bool = True,
        validation_freq: int = 1,
    ) -> None:
        super().__init__(
            metric, direction, restore_best=restore_best, validation_freq=validation_freq
        )
        if patience < 1:
            raise UsageError("patience is a count of epochs, at least 1.", received=str(patience))
        self._patience = patience
        self._since = 0

    def look(self, epoch: int, name: str, value: float, *, is_best: bool) -> None:  # noqa: ARG002
        """Count since when it has not got better."""
        self._since = 0 if is_best else self._since + self._every
        if self._since >= self._patience:
            best = epoch + 1 - self._since
            self.stop(
                "patience",
                f"{name} has not got better since epoch {best}: "
                f"{self._since} epochs, as many as the patience.",
            )

    def get_state(self) -> State:
        """The best so far, and how long ago it was."""
        return {**super().get_state(), "since": self._since}

    def set_state(self, state: State) -> None:
        """Go on counting."""
        super().set_state(state)
        self._since = int(state["since"])


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
