"""Index-addressed batches of stored features, with the interface of `Batches`."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from viewfinder.augment.batches import Batch
from viewfinder.core.randomness import Ids, Randomness


@dataclass(frozen=True, eq=False)
class FeatureBatches:
    """Batches of features; the `images` of a batch are rows of features.

    Attributes:
        features: float32, shape (n, views, d); each epoch takes the next view.
        labels: Class indices, int64, shape `(n,)`.
        ids: The pictures' ids for random numbers, uint64, shape `(n,)`.
        batch_size: The pictures of a batch; the last batch may be smaller.
        seed: Decides the order.
        shuffle: Whether each epoch has a random order.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    ids: Ids
    batch_size: int = 32
    seed: int = 0
    shuffle: bool = False

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return -(-len(self.labels) // self.batch_size)

    def scaled(self, mean: NDArray[np.float32], deviation: NDArray[np.float32]) -> "FeatureBatches":
        """Return batches with features standardised by this mean and deviation, shape (d,)."""
        return replace(self, features=(self.features - mean) / deviation)

    def batch(self, index: int, epoch: int = 0) -> Batch:
        """Return the batch at this address."""
        return self._make(index, epoch, self._order(epoch))

    def epoch(self, epoch: int = 0, *, first: int = 0) -> Iterator[Batch]:
        """Yield an epoch's batches from the batch `first` on."""
        order = self._order(epoch)
        return (self._make(index, epoch, order) for index in range(first, len(self)))

    def _order(self, epoch: int) -> NDArray[np.intp]:
        if not self.shuffle:
            return np.arange(len(self.labels))
        return Randomness(self.seed).order("order", epoch=epoch, examples=self.ids)

    def _make(self, index: int, epoch: int, order: NDArray[np.intp]) -> Batch:
        positions = order[index * self.batch_size : (index + 1) * self.batch_size]
        rows = self.features[positions, epoch % self.features.shape[1]]
        return Batch(rows, self.labels[positions], positions)
