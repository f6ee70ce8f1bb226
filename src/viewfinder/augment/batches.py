"""Index-addressed batches of augmented pictures, as NumPy arrays.

`viewfinder.training.adapters` feeds them to `model.fit`. A batch depends only on its address (seed,
epoch, index), not on the number of workers, the order of access, or restarts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from viewfinder.augment import Mixing, Plan, policy
from viewfinder.core.errors import DataError, RejectedPicture, UsageError
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.core.randomness import Ids, Randomness
from viewfinder.core.stages import Stages

Positions = NDArray[np.intp]


class Pictures(Protocol):
    """Pictures of one shape, by position."""

    def __len__(self) -> int: ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one picture: (height, width, channels)."""

    @property
    def dropped(self) -> Mapping[str, RejectedPicture]:
        """The rejections, by locator, of pictures that have become unreadable."""

    def read(self, positions: Positions) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return the readable pictures, uint8 (m, height, width, channels), and their mask."""


class Batch(NamedTuple):
    """A batch for one training step.

    Attributes:
        images: uint8, shape (n, height, width, channels), values 0 to 255.
        labels: Class indices, int64, shape (n,).
        positions: The pictures' positions in the dataset, shape (n,).
        shares: The share of each class in blended pictures, float32, shape (n, classes); the label
            is the class of the largest share. None without blending.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    positions: Positions
    shares: NDArray[np.float32] | None = None

    @property
    def targets(self) -> NDArray[np.int64] | NDArray[np.float32]:
        """The targets of the loss: the shares, or else the labels."""
        return self.labels if self.shares is None else self.shares


@dataclass(frozen=True)
class Batches:
    """Batches of pictures, computed by threads in advance.

    Args:
        pictures: The pictures, from a store or from their files.
        labels: Each picture's class, int64, shape (n,).
        ids: Each picture's id for random numbers, uint64, shape (n,).
        batch_size: The pictures of a batch; the last batch of an epoch may be smaller.
        plan: The augmentation; by default none.
        size: The (height, width) of the images; by default that of the pictures. The plan's
            resampling includes the resize.
        mixup: The share of the pictures blended with another of their batch.
        seed: Decides order and augmentation.
        shuffle: Whether each epoch has a random order.
        weights: Each picture's expected frequency in an epoch, shape (n,), any scale; by default
            every picture occurs once. Uneven weights repeat some pictures, and omit others until
            later epochs.
        drop_last: Whether to drop a smaller last batch.
        workers: Threads that compute in advance; 0 for none, by default one per core.
        stages: The workers' seconds of "reading" and "augmenting".

    Raises:
        UsageError: The arguments have different lengths, or a value is out of range.
    """

    pictures: Pictures
    labels: NDArray[np.int64] = field(repr=False)
    ids: Ids = field(repr=False)
    batch_size: int
    plan: Plan = field(default_factory=lambda: policy("none"))
    size: tuple[int, int] | None = None
    mixup: float = 0.0
    seed: int = 0
    shuffle: bool = False
    weights: NDArray[np.float64] | None = field(default=None, repr=False)
    drop_last: bool = False
    workers: int = field(default_factory=cores)
    stages: Stages = field(default_factory=Stages, repr=False, compare=False)

    def __post_init__(self) -> None:
        lengths = {len(self.pictures), len(self.labels), len(self.ids)}
        if self.weights is not None:
            lengths.add(len(self.weights))
            if not (np.all(self.weights >= 0) and 0 < self.weights.sum() < np.inf):
                raise UsageError("Sampling weights must be finite, at least 0, and not all 0.")
        if len(lengths) != 1:
            raise UsageError(
                "Pictures, labels, ids and weights must have equal lengths.",
                received=", ".join(map(str, sorted(lengths))),
            )
        if self.batch_size < 1:
            raise UsageError("A batch needs at least one picture.", received=str(self.batch_size))
        if self.drop_last and 0 < len(self.pictures) < self.batch_size:
            raise UsageError(
                "With `drop_last` there is no batch at all.",
                expected=f"a batch size of at most {len(self.pictures)}, the number of pictures",
                received=str(self.batch_size),
            )

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        count = len(self.pictures)
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape of one image: (height, width, channels)."""
        height, width, channels = self.pictures.shape
        return (*(self.size or (height, width)), channels)

    def order(self, epoch: int = 0) -> Positions:
        """Return the positions of an epoch's pictures in their order."""
        if not self.shuffle and self.weights is None:
            return np.arange(len(self.pictures))
        order = Randomness(self.seed).order("order", epoch=epoch, examples=self.ids)
        return order if self.weights is None else self._weighted(order, epoch)

    def batch(self, index: int, epoch: int = 0) -> Batch:
        """Return the batch at this address."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        return self._make(index % len(self), epoch, self.order(epoch))

    def epoch(self, epoch: int = 0, *, first: int = 0) -> Iterator[Batch]:
        """Yield an epoch's batches from the batch `first` on, computed ahead by the workers."""
        order = self.order(epoch)
        return map_ahead(
            lambda index: self._make(index, epoch, order),
            range(first, len(self)),
            workers=self.workers,
        )

    def _make(self, index: int, epoch: int, order: Positions) -> Batch:
        slots = np.arange(index * self.batch_size, min((index + 1) * self.batch_size, len(order)))
        with self.stages.timed("reading"):
            pixels, kept = self.pictures.read(order[slots])
        if len(slots) and not kept.any():
            raise DataError(
                "None of a batch's pictures can be read.",
                remedy="check that the folder of the pictures still exists",
            )
        slots = slots[kept]
        positions = order[slots]
        height, width, _ = self.image_shape
        examples, randomness = self.ids[positions], Randomness(self.seed)
        if self.weights is not None:  # repetitions of a picture are augmented differently
            examples = examples + slots.astype(np.uint64)
        if not self.plan.operations and pixels.shape[1:3] == (height, width):
            images = pixels
        else:
            with self.stages.timed("augmenting"):
                samples = self.plan.sample(randomness, epoch, examples)
                images = self.plan.apply(pixels, samples, (height, width))
        labels = self.labels[positions]
        if not self.mixup:
            return Batch(images, labels, positions)
        mixing = Mixing.drawn(self.mixup, randomness, epoch, examples)
        shares = mixing.shares(labels, classes=int(self.labels.max()) + 1)
        return Batch(mixing.images(images), labels, positions, shares)

    def _weighted(self, order: Positions, epoch: int) -> Positions:
        """Draw a systematic sample: each picture occurs n × weight times, rounded up or down.

        As the order is random, so is the choice of pictures that are rounded up. A second random
        order then separates the repetitions of a picture.
        """
        count = len(order)
        assert self.weights is not None
        cumulative = np.cumsum(self.weights[order])
        randomness = Randomness(self.seed)
        start = randomness.uniform("weighted", epoch=epoch, examples=np.zeros(1, np.uint64))[0, 0]
        steps = (np.arange(count) + start) / count * cumulative[-1]
        drawn = np.searchsorted(cumulative, steps, "right")
        slots = randomness.order("slots", epoch=epoch, examples=np.arange(count, dtype=np.uint64))
        chosen: Positions = order[np.minimum(drawn, count - 1)[slots]]
        return chosen


def balanced_weights(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return weights under which every class with pictures has an equal share, shape (n,)."""
    return 1.0 / np.bincount(labels)[labels]
