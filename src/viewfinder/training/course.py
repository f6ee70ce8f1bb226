"""Presents several fits of Keras to their callbacks as one training, and writes checkpoints.

Keras's `fit` can neither begin in the middle of an epoch nor change the size of the pictures, so a
resumed training and a training in stages take several fits. All of them get the same `Course`, a
list of callbacks that counts epochs and batches across the fits, writes checkpoints, and lets the
optimizer assign averaged weights only once, at the end of the training.
"""

import time
from collections.abc import Sequence
from typing import Any

import keras
from typing_extensions import override

from viewfinder.training.adapters import BatchDataset, Logs
from viewfinder.training.checkpoint import (
    Checkpoint,
    Checkpoints,
    assign,
    synchronize,
    values_of,
)
from viewfinder.training.stopping import StopAtDivergence, Stopper


class HaltedError(Exception):
    """A `Stopper` has ended the training within an epoch."""


class Course(keras.callbacks.CallbackList):
    """The callbacks of a training; a checkpoint has the state of those with `get_state`.

    Args:
        model: The model to fit, compiled.
        callbacks: Callbacks in the order in which Keras calls them.
        checkpoints: The training's folder of checkpoints.
        epochs: Epochs of the whole training.
        steps: Batches in an epoch.
    """

    def __init__(
        self,
        model: keras.Model,
        callbacks: Sequence[keras.callbacks.Callback],
        checkpoints: Checkpoints,
        *,
        epochs: int,
        steps: int,
    ) -> None:
        # Runs before other callbacks, so that no checkpoint of a diverged model is written.
        self._divergence = StopAtDivergence()
        super().__init__(
            [self._divergence, *callbacks],
            add_history=True,
            model=model,
            epochs=epochs,
            steps=steps,
        )
        for callback in self.callbacks:
            if hasattr(callback, "restores_best"):  # `last.keras` is the last epoch's
                callback.restores_best = False
        self._checkpoints = checkpoints
        self._steps = steps
        self._epoch = self._first_batch = 0
        self._resumed: Checkpoint | None = None
        self._has_begun = False
        self._weights: list[Any] | None = None
        self._began = time.perf_counter()
        self._earlier = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds of training, including those before the checkpoint that it resumed from."""
        return self._earlier + time.perf_counter() - self._began

    @property
    def stopper(self) -> Stopper | None:
        """The callback that ended the training, or None."""
        stoppers = (callback for callback in self.callbacks if isinstance(callback, Stopper))
        return next((stopper for stopper in stoppers if stopper.reason), None)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Restore the model and the callbacks from a checkpoint."""
        checkpoint.restore(self.model)
        states = checkpoint.memory["callbacks"]
        for name, callback in self._stateful().items():
            if name in states:
                callback.set_state(states[name])
        self._earlier = checkpoint.memory["elapsed_s"]
        self._resumed = checkpoint

    def write_first(self) -> None:
        """Write a checkpoint of the initial state."""
        self._checkpoints.write(self._checkpoint(0))

    def begin_part(self, epoch: int, first_batch: int) -> None:
        """Note the epoch and the batch at which the next fit begins."""
        self._epoch, self._first_batch = epoch, first_batch

    def end_part(self) -> None:
        """Restore the trained weights, which Keras replaces by their average after each fit."""
        if self._weights is not None:
            assign(self.model.trainable_variables, self._weights)
            self._weights = None

    def finish_epoch(self, validation: BatchDataset | None) -> None:
        """Validate (if possible) and end an epoch whose batches are all done, as `fit` would."""
        self.model.stop_training = False
        self.on_train_begin()
        self.on_epoch_begin(self._epoch)
        logs = dict(self.model.get_metrics_result())
        metrics = {}
        if validation is not None:
            metrics = self.model.evaluate(validation, callbacks=self, return_dict=True, verbose=0)
        self.on_epoch_end(self._epoch, logs | {f"val_{name}": metrics[name] for name in metrics})

    def end(self) -> None:
        """End the training: assign averaged weights and call each `on_train_end`."""
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        if self._has_begun:
            super().on_train_end()

    @override
    def on_train_begin(self, logs: Logs | None = None) -> None:
        if not self._has_begun:
            self._has_begun = True
            super().on_train_begin(logs)

    @override
    def on_train_end(self, logs: Logs | None = None) -> None:
        """Do nothing: :meth:`end` ends the training, not the end of a fit."""

    @override
    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch
        super().on_epoch_begin(epoch, logs)
        if self._resumed:
            if self._resumed.batch:
                self._resumed.restore_metrics(self.model)
            self._resumed = None

    @override
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        self._first_batch = 0
        self._note_weights()

    @override
    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._weights = None
        super().on_train_batch_begin(self._first_batch + batch, logs)

    @override
    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        done = self._first_batch + batch + 1
        try:
            super().on_train_batch_end(done - 1, logs)
        except KeyboardInterrupt:
            self._write(done)
            self._note_weights()
            raise
        stopper = self.stopper
        if stopper and stopper.reason == "diverged":
            raise HaltedError
        if done == self._steps or stopper or self._checkpoints.is_due:
            self._write(done)
        if stopper and done < self._steps:
            self._note_weights()
            raise HaltedError

    def _write(self, done: int) -> None:
        checkpoint = self._checkpoint(done)
        if not checkpoint.is_finite:
            self._divergence.diverged(done - 1, "weights are not finite")
            raise HaltedError
        self._checkpoints.write(checkpoint)

    def _checkpoint(self, done: int) -> Checkpoint:
        states = {name: callback.get_state() for name, callback in self._stateful().items()}
        memory = {"callbacks": states, "elapsed_s": self.elapsed}
        return Checkpoint.of(self.model, self._epoch, done, memory)

    def _stateful(self) -> dict[str, Any]:
        """Return the callbacks that have a state, by names that are the same in each process."""
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
            synchronize(self.model)
            self._weights = values_of(self.model.trainable_variables)
