"""Adapts batches to Keras's `fit`, `evaluate` and `predict`, on every backend."""

import time
from collections.abc import Iterator
from threading import Lock
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.augment.batches import Batch, Batches
from viewfinder.augment.feature_batches import FeatureBatches

Feed = Batches | FeatureBatches
Logs = dict[str, float]  # the metrics that Keras passes to callbacks


class BatchDataset(keras.utils.PyDataset):
    """Batches as a `keras.utils.PyDataset` of `(images, labels)`, for any `model.fit`.

    Images are uint8, (n, height, width, channels); labels int64, (n,), or for blended pictures the
    shares of the classes, float32, (n, classes). Each epoch of a `fit` gets the batches of the next
    epoch number, so order and augmentation are new and repeatable. `Batches` sets the order, and
    its workers prepare batches ahead; Keras's `shuffle` has no effect.

    Args:
        batches: Batches of pictures or features.
        first_epoch: The epoch number of the first epoch of the fit: its `initial_epoch`.
        first_batch: The batch at which each epoch begins. A dataset has one length for all
            epochs, so give it only for a fit of the rest of one epoch.
        class_weights: The weight of each class in the loss, float32, shape (classes,); batches
            then are `(images, labels, weights)`. By default all classes have weight 1.

    Attributes:
        waited: The seconds for which Keras waited for the workers.
    """

    def __init__(
        self,
        batches: Feed,
        *,
        first_epoch: int = 0,
        first_batch: int = 0,
        class_weights: NDArray[np.float32] | None = None,
    ) -> None:
        super().__init__(workers=1)
        self.batches = batches
        self._class_weights = class_weights
        self._first_epoch = first_epoch
        self._first_batch = first_batch
        self._epoch = first_epoch - 1
        self._ahead: Iterator[Batch] | None = None
        self._yielded = 0
        self._has_restarted = False
        self.waited = 0.0
        # Keras may draw batches in one thread while an epoch ends in another.
        self._lock = Lock()

    @property
    def num_batches(self) -> int:
        """Batches in an epoch of the fit."""
        return len(self.batches) - self._first_batch

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        batch = self._next_ahead()
        if batch is None:  # outside of an epoch, Keras reads batches to infer their shapes
            batch = self.batches.batch(
                self._first_batch + index, max(self._epoch, self._first_epoch)
            )
        if self._class_weights is None:
            return batch.images, batch.targets
        weights = self._class_weights[batch.labels]
        if batch.shares is not None:
            weights = batch.shares @ self._class_weights
        return batch.images, batch.targets, weights

    @override
    def on_epoch_begin(self) -> None:
        self.on_epoch_end()
        with self._lock:
            # On JAX, Keras draws one batch to build the model, then restarts the epoch.
            drew_one = self._yielded == 1 < self.num_batches
            self._has_restarted = drew_one and not self._has_restarted
            self._epoch += not self._has_restarted
            self._ahead = self.batches.epoch(self._epoch, first=self._first_batch)
            self._yielded = 0

    @override
    def on_epoch_end(self) -> None:
        with self._lock:
            if self._ahead is not None:
                self._ahead.close()  # type: ignore[attr-defined]
                self._ahead = None

    def _next_ahead(self) -> Batch | None:
        """Return the epoch's next batch, whatever index Keras requests."""
        with self._lock:
            if self._ahead is None:
                return None
            began = time.perf_counter()
            batch = next(self._ahead, None)
            self.waited += time.perf_counter() - began
            self._yielded += batch is not None
            return batch
