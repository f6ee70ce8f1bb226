"""Callbacks that end a training; they work in any `model.fit`.

Checkpoints include the state of callbacks that have `get_state` and `set_state`, such as these.
"""

import math
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any

import keras
from typing_extensions import override

from viewfinder.core.errors import UsageError
from viewfinder.recipe.stopping import Direction, direction_of, known_metric
from viewfinder.training.adapters import Logs

State = dict[str, Any]

# The state of the callbacks before the first epoch.
_INITIAL_STATE: State = {"best": None, "held": 0, "since": 0}


# The last batches of an epoch whose duration is measured; and the duration of an evaluation, which
# has no backward pass, as a share of a training step's.
_TIMED, _OF_A_STEP = 20, 0.5


class Stopper(keras.callbacks.Callback):
    """A callback that may end the training, with its reason.

    Attributes:
        reason: "target", "patience", "time", "behind" or "diverged"; None while training.
        sentence: The reason as a sentence, with figures.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reason: str | None = None
        self.sentence = ""

    def stop(self, reason: str, sentence: str) -> None:
        """End the training for this reason."""
        self.reason, self.sentence = reason, sentence
        self.model.stop_training = True

    def get_state(self) -> State:
        """Return the state for a checkpoint, in JSON types."""
        return {}

    def set_state(self, state: State) -> None:
        """Restore the state from a checkpoint."""


class _Monitor(Stopper, ABC):
    """Monitors a metric after each epoch, and copies the weights of the best epoch.

    Of epochs with the same metric, the lowest loss (of the same pictures) is best.

    Args:
        metric: The metric's name in the logs, such as `val_accuracy`; `acc` stands for `accuracy`.
        direction: "up" if a higher metric is better, "down" if a lower one; by default inferred
            from the name.
        restore_best: Whether the model gets the weights of the best epoch when the training ends,
            for whatever reason. In a run, `best.keras` has these weights, and the model keeps
            those of the last epoch.
        validation_freq: The value given to `fit`. Of every so many epochs, only the last has
            metrics of validation; the others are ignored.

    Raises:
        UsageError: The metric is unknown, at the end of the first epoch that should have it.
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
                "validation_freq must be at least 1 epoch.", received=str(validation_freq)
            )
        self._metric = metric
        self._every = validation_freq if metric.startswith("val_") else 1
        self._sign = 1 if (direction or direction_of(metric)) == "up" else -1
        self.restores_best = restore_best
        self._best: list[float] | None = None
        self._weights: list[Any] | None = None

    @override
    def set_model(self, model: keras.Model) -> None:
        if self._model not in (None, model):
            self.reason, self.sentence, self._weights = None, "", None
            self.set_state(_INITIAL_STATE)
        super().set_model(model)

    @abstractmethod
    def check(self, epoch: int, name: str, value: float, *, is_best: bool) -> None:
        """End the training if the metric requires it.

        Args:
            epoch: The number of the epoch, from 0.
            name: The metric's name in the logs.
            value: The metric, negated where lower is better.
            is_best: Whether the epoch is better than all before.
        """

    @override
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
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
        self.check(epoch, name, value, is_best=is_best)

    @override
    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._weights is not None:
            self.model.set_weights(self._weights)

    @override
    def get_state(self) -> State:
        return {"best": self._best}

    @override
    def set_state(self, state: State) -> None:
        self._best = state.get("best")


class StopAtTarget(_Monitor):
    """Ends the training when a metric has reached its target.

    Args:
        metric: The metric's name in the logs, such as `val_accuracy`; `acc` stands for `accuracy`.
        value: The target.
        hold: Stop only after the target has held for this many consecutive epochs.
        direction: "up" if a higher metric is better, "down" if a lower one; by default inferred
            from the name.
        restore_best: Whether the model gets the weights of the best epoch when the training ends.
        validation_freq: The value given to `fit`.

    Raises:
        UsageError: `hold` or `validation_freq` is below 1; or, at the end of the first epoch that
            should have it, the metric is unknown.
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
            raise UsageError("hold must be at least 1 epoch.", received=str(hold))
        self._value, self._hold = value, hold
        self._held = 0

    @override
    def check(self, epoch: int, name: str, value: float, *, is_best: bool) -> None:
        self._held = self._held + 1 if value >= self._value * self._sign else 0
        if self._held >= self._hold:
            held = f", for {self._held} consecutive epochs" if self._hold > 1 else ""
            self.stop(
                "target",
                f"{name} has reached its target of {self._value:g} in epoch {epoch + 1}{held}.",
            )

    @override
    def get_state(self) -> State:
        return {**super().get_state(), "held": self._held}

    @override
    def set_state(self, state: State) -> None:
        super().set_state(state)
        self._held = int(state["held"])


class StopIfBehind(Stopper):
    """Ends a training whose accuracy is too far behind that of another training.

    Args:
        epoch: The epoch, from 1, after which the training may end.
        accuracy: The `val_accuracy` that some epoch must have reached by then.
    """

    def __init__(self, epoch: int, accuracy: float) -> None:
        super().__init__()
        self._epoch, self._accuracy = epoch, accuracy
        self._best = 0.0

    @override
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._best = max(self._best, (logs or {}).get("val_accuracy", 0.0))
        if epoch + 1 == self._epoch and self._best < self._accuracy:
            self.stop(
                "behind",
                f"Stopped after {epoch + 1} epochs: the best val_accuracy is {self._best:.3f}, "
                f"below the required {self._accuracy:.3f}.",
            )

    @override
    def get_state(self) -> State:
        return {"best": self._best}

    @override
    def set_state(self, state: State) -> None:
        self._best = float(state["best"])


class StopWithoutProgress(_Monitor):
    """Ends the training when a metric has not improved for some epochs.

    A lower loss (of the same pictures) improves on an equal metric.

    Args:
        patience: The number of epochs without improvement.
        metric: The metric's name in the logs; `val_acc` stands for `val_accuracy`.
        direction: "up" if a higher metric is better, "down" if a lower one; by default inferred
            from the name.
        restore_best: Whether the model gets the weights of the best epoch when the training ends.
        validation_freq: The value given to `fit`.

    Raises:
        UsageError: `patience` or `validation_freq` is below 1; or, at the end of the first epoch
            that should have it, the metric is unknown.
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
            raise UsageError("patience must be at least 1 epoch.", received=str(patience))
        self._patience = patience
        self._since = 0

    @override
    def check(self, epoch: int, name: str, value: float, *, is_best: bool) -> None:
        self._since = 0 if is_best else self._since + self._every
        if self._since >= self._patience:
            best = epoch + 1 - self._since
            self.stop(
                "patience",
                f"{name} has not improved for {self._since} epochs, since epoch {best}; "
                f"the patience is {self._patience}.",
            )

    @override
    def get_state(self) -> State:
        return {**super().get_state(), "since": self._since}

    @override
    def set_state(self, state: State) -> None:
        super().set_state(state)
        self._since = int(state["since"])


class StopAfter(Stopper):
    """Ends the training after the current batch when a time limit is reached.

    Args:
        seconds: The limit, from the beginning of the training or from where it resumes.
        clock: Returns the time in seconds.
    """

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds, self._clock = seconds, clock
        self._end = math.inf

    @override
    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._end = self._clock() + self._seconds

    @override
    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._check()

    @override
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._check()

    def _check(self) -> None:
        if self.reason is None and self._clock() >= self._end:
            self.stop("time", f"The time limit of {self._seconds:g} s is reached.")


class StopBefore(Stopper):
    """Ends the training in time for what follows it, after the current batch.

    Args:
        deadline: When everything must have ended, on the clock.
        batches: How many batches of the training's size are evaluated after it.
        spare: The seconds of everything else that follows.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        deadline: float,
        *,
        batches: float,
        spare: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._deadline, self._batches, self._spare = deadline, batches, spare
        self._clock = clock
        self._ends: deque[float] = deque(maxlen=_TIMED)
        self._batch_s = 0.0

    @override
    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._ends.clear()  # pictures may have another size, and validation is no batch

    @override
    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        now = self._clock()
        self._ends.append(now)
        if len(self._ends) > 1:
            self._batch_s = (now - self._ends[0]) / (len(self._ends) - 1)
        follows = self._spare + _OF_A_STEP * self._batches * self._batch_s
        if self.reason is None and now + follows >= self._deadline:
            self.stop("time", f"The time is nearly over: {follows:.0f} s are left for the rest.")


class StopAtDivergence(Stopper):
    """Ends the training as soon as its loss is NaN or infinite."""

    def __init__(self) -> None:
        super().__init__()
        self._epoch = 0

    @override
    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    @override
    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            self.diverged(batch, f"the loss is {loss}")

    def diverged(self, batch: int, why: str) -> None:
        """End the training after this batch, numbered from 0."""
        self.stop(
            "diverged",
            f"The training has diverged in epoch {self._epoch + 1}, batch {batch + 1}: {why}.",
        )
