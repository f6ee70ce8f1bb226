"""One training in the eyes of its callbacks, although Keras runs it in several fits.

Keras's `fit` can neither begin in the middle of an epoch nor change the size of the pictures, so
a resumed training and one with stages are run as a fit for each part. `Course` is the list of
callbacks that all of them get: it counts batches as one training would, keeps checkpoints, and
sees to it that the weights are averaged once, at the end, and not after each fit.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from viewfinder.training.adapters import BatchDataset
from viewfinder.training.checkpoint import Checkpoint, Checkpoints
from viewfinder.training.stopping import StopAtDivergence, Stopper

Logs = dict[str, float]


class HaltedError(Exception):
    """A `Stopper` has ended the training in the middle of an epoch."""


@dataclass
class Keeper:
    """When checkpoints are written.

    Args:
        checkpoints: Where.
        seconds: At the latest this long after the last one.
        clock: What tells the seconds.
    """

    checkpoints: Checkpoints
    seconds: float
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._last = self.clock()

    @property
    def is_due(self) -> bool:
        """Whether the last checkpoint is old."""
        return self.clock() - self._last >= self.seconds

    def write(self, checkpoint: Checkpoint) -> None:
        """Keep it."""
        self.checkpoints.write(checkpoint)
        self._last = self.clock()


class Course(keras.callbacks.CallbackList):
    """The callbacks of a training; `get_state` and `set_state` are asked of those that have them.

    Args:
        model: What is fitted; compiled.
        callbacks: In the order in which they are called.
        keeper: Keeps the checkpoints.
        epochs: Epochs of the whole training.
        steps: Batches in an epoch.
    """

    def __init__(
        self,
        model: keras.Model,
        callbacks: Sequence[keras.callbacks.Callback],
        keeper: Keeper,
        *,
        epochs: int,
        steps: int,
    ) -> None:
        # It looks first, so that nobody keeps what is worth nothing.
        self._divergence = StopAtDivergence()
        super().__init__(
            [self._divergence, *callbacks],
            add_history=True,
            model=model,
            epochs=epochs,
            steps=steps,
        )
        for callback in self.callbacks:
            if hasattr(callback, "restores_best"):  # `last.keras` is to be the last epoch's
                callback.restores_best = False
        self._keeper = keeper
        self._steps = steps
        self._epoch = self._first_batch = 0
        self._resumed: Checkpoint | None = None
        self._has_begun = False
        self._weights: list[Any] | None = None
        self._began = time.perf_counter()
        self._earlier = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds that the training has taken, in all sittings up to the last checkpoint's."""
        return self._earlier + time.perf_counter() - self._began

    @property
    def stopper(self) -> Stopper | None:
        """The callback that has ended the training."""
        fired = (one for one in self.callbacks if isinstance(one, Stopper) and one.reason)
        return next(fired, None)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Put the model and the callbacks where they were."""
        checkpoint.restore(self.model)
        states = checkpoint.memory["callbacks"]
        for name, callback in self._remembering().items():
            if name in states:
                callback.set_state(states[name])
        self._earlier = checkpoint.memory["elapsed_s"]
        self._resumed = checkpoint

    def keep_first(self) -> None:
        """Keep a checkpoint of the beginning."""
        self._keeper.write(self._checkpoint(0))

    def begin_part(self, epoch: int, first_batch: int) -> None:
        """The next fit begins here."""
        self._epoch, self._first_batch = epoch, first_batch

    def end_part(self) -> None:
        """Undo what Keras does to averaged weights at the end of each fit."""
        if self._weights is not None:
            for variable, value in zip(self.model.trainable_variables, self._weights, strict=True):
                variable.assign(value)
            self._weights = None

    def finish_epoch(self, validation: BatchDataset) -> None:
        """Do what is left of an epoch all of whose batches are done, as `fit` would do it."""
        self.model.stop_training = False
        self.on_train_begin()
        self.on_epoch_begin(self._epoch)
        logs = dict(self.model.get_metrics_result())
        judged = self.model.evaluate(validation, callbacks=self, return_dict=True, verbose=0)
        self.on_epoch_end(self._epoch, logs | {f"val_{key}": judged[key] for key in judged})

    def end(self) -> None:
        """The training has ended, however it did."""
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        if self._has_begun:
            super().on_train_end()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Pass it on once."""
        if not self._has_begun:
            self._has_begun = True
            super().on_train_begin(logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Wait for the training's own end."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Pass it on; in the middle of an epoch the metrics are what they were."""
        self._epoch = epoch
        super().on_epoch_begin(epoch, logs)
        if self._resumed:
            if self._resumed.batch:
                self._resumed.restore_metrics(self.model)
            self._resumed = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Pass it on, and note the weights before Keras may average them."""
        super().on_epoch_end(epoch, logs)
        self._first_batch = 0
        self._note_weights()

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Pass it on, counted as in the whole epoch."""
        self._weights = None
        super().on_train_batch_begin(self._first_batch + batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Pass it on, counted as in the whole epoch, and keep a checkpoint if it is time."""
        done = self._first_batch + batch + 1
        try:
            super().on_train_batch_end(done - 1, logs)
        except KeyboardInterrupt:
            self._keep(done)
            self._note_weights()
            raise
        stopper = self.stopper
        if stopper and stopper.reason == "diverged":
            raise HaltedError
        if done == self._steps or stopper or self._keeper.is_due:
            self._keep(done)
        if stopper and done < self._steps:
            self._note_weights()
            raise HaltedError

    def _keep(self, done: int) -> None:
        checkpoint = self._checkpoint(done)
        if not checkpoint.is_finite:
            self._divergence.diverged(done - 1, "weights are no numbers any more")
            raise HaltedError
        self._keeper.write(checkpoint)

    def _checkpoint(self, done: int) -> Checkpoint:
        states = {name: one.get_state() for name, one in self._remembering().items()}
        memory = {"callbacks": states, "elapsed_s": self.elapsed}
        return Checkpoint.of(self.model, self._epoch, done, memory)

    def _remembering(self) -> dict[str, Any]:
        """The callbacks that have a state, by names that are the same in another process."""
        named: dict[str, Any] = {}
        for callback in self.callbacks:
            if hasattr(callback, "get_state") and hasattr(callback, "set_state"):
                kind = type(callback).__name__
                number = sum(name.startswith(f"{kind}-") for name in named)
                named[f"{kind}-{number}"] = callback
        return named

    def _note_weights(self) -> None:
        optimizer = self.model.optimizer
        if getattr(getattr(optimizer, "inner_optimizer", optimizer), "use_ema", False):
            if hasattr(self.model, "jax_state_sync"):
                self.model.jax_state_sync()
            variables = self.model.trainable_variables
            self._weights = [np.array(keras.ops.convert_to_numpy(one)) for one in variables]
