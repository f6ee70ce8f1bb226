"""Viewfinder's batches as what `model.fit`, `evaluate` and `predict` take, on every backend."""

from collections.abc import Iterator
from threading import Lock
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from viewfinder.batches.features import FeatureBatches
from viewfinder.batches.pictures import Batch, Batches

Feed = Batches | FeatureBatches


class BatchDataset(keras.utils.PyDataset):
    """Batches as a `keras.utils.PyDataset` of `(images, labels)`, in anyone's `model.fit`.

    Images are uint8, (n, height, width, channels); labels int64, (n,), or where pictures are
    blended their shares of the classes, float32, (n, classes). Each epoch of a `fit` gets the
    batches of the next epoch number, so order and augmentation are new and repeatable. They come in
    the order of `Batches`, prepared ahead by its workers; Keras's `shuffle` has no say.

    Args:
        batches: What is fed.
        first_epoch: The epoch number of the first epoch of the fit: its `initial_epoch`.
        first_batch: The batch at which that epoch goes on. What has a length has only one, so
            this is for a fit of what is left of one epoch.
        class_weights: What a picture of each class counts in the loss, float32, shape (classes,);
            batches then are `(images, labels, weights)`. By default all count the same.
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
        self._handed_out = 0
        self._is_begun_again = False
        # Keras may ask for batches in a thread of its own while an epoch ends in another.
        self._turn = Lock()

    @property
    def num_batches(self) -> int:
        """Batches in an epoch of the fit."""
        return len(self.batches) - self._first_batch

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        batch = self._next_ahead()
        if batch is None:  # outside of an epoch: Keras looks at batches to learn their shapes
            batch = self.batches.batch(
                self._first_batch + index, max(self._epoch, self._first_epoch)
            )
        if self._class_weights is None:
            return batch.images, batch.targets
        counts = self._class_weights[batch.labels]
        if batch.shares is not None:
            counts = batch.shares @ self._class_weights
        return batch.images, batch.targets, counts

    def on_epoch_begin(self) -> None:
        """Move to the next epoch's batches and start to prepare them."""
        self.on_epoch_end()
        with self._turn:
            # On JAX, Keras draws one batch to build the model, and then begins the epoch again.
            drew_one = self._handed_out == 1 < self.num_batches
            self._is_begun_again = drew_one and not self._is_begun_again
            self._epoch += not self._is_begun_again
            self._ahead = self.batches.epoch(self._epoch, first=self._first_batch)
            self._handed_out = 0

    def on_epoch_end(self) -> None:
        """Stop preparing batches."""
        with self._turn:
            if self._ahead is not None:
                self._ahead.close()  # type: ignore[attr-defined]
                self._ahead = None

    def _next_ahead(self) -> Batch | None:
        """The epoch's next batch: they come one after the other, whatever index Keras draws."""
        with self._turn:
            batch = next(self._ahead, None) if self._ahead is not None else None
            self._handed_out += batch is not None
            return batch
