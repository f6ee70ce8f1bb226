"""Index-addressed batches of NumPy arrays: pictures and a plan in, `(images, labels)` out.

`Batches` knows nothing of Keras; `viewfinder.training.adapters` feeds it to `model.fit`. A batch
depends on nothing but its address (seed, epoch, index): any worker count, any order of asking and
any restart give the same one.
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

Positions = NDArray[np.intp]


class Pictures(Protocol):
    """Pictures of one shape, reachable by position."""

    def __len__(self) -> int: ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one picture: (height, width, channels)."""

    @property
    def dropped(self) -> Mapping[str, RejectedPicture]:
        """Pictures that have turned bad since they were listed: by locator, and why."""

    def read(self, positions: Positions) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Pictures, uint8 (m, height, width, channels), and which of the positions they are of.

        A picture that has turned bad since it was listed is left out.
        """


class Batch(NamedTuple):
    """A batch: what a model is trained on in one step.

    Attributes:
        images: uint8, shape (n, height, width, channels), values 0 to 255.
        labels: int64, shape (n,): indices of classes.
        positions: Where the pictures are in the dataset, shape (n,).
        shares: Where pictures are blended, what each shows of each class, float32, shape
            (n, classes); its label is the one that it shows most of. None where none is.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    positions: Positions
    shares: NDArray[np.float32] | None = None

    @property
    def targets(self) -> NDArray[np.int64] | NDArray[np.float32]:
        """What a loss is asked to compare with: the shares, or else the labels."""
        return self.labels if self.shares is None else self.shares


@dataclass(frozen=True)
class Batches:
    """Batches over pictures, made by threads ahead of their reader.

    Args:
        pictures: What is read, from a store or from the files themselves.
        labels: Each picture's class, int64, shape (n,).
        ids: Each picture's address for randomness, uint64, shape (n,).
        batch_size: Pictures in a batch; the last batch of an epoch may be smaller.
        plan: How pictures are varied; by default not at all.
        size: The (height, width) of the images; by default that of the pictures. Pictures of
            another size are resampled by the plan's own map.
        mixup: The share of the pictures that are blended with another of their batch.
        seed: Decides order and variation.
        shuffle: Whether each epoch has an order of its own.
        weights: Each picture's share of an epoch, shape (n,), any scale; by default every picture
            comes once. Uneven weights repeat some pictures, and leave others for later epochs.
        drop_last: Whether a smaller last batch is left out.
        workers: Threads that work ahead; 0 for none, by default one a core.

    Raises:
        UsageError: The sizes of the arguments do not fit together.
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

    def __post_init__(self) -> None:
        lengths = {len(self.pictures), len(self.labels), len(self.ids)}
        if self.weights is not None:
            lengths.add(len(self.weights))
            if not (np.all(self.weights >= 0) and 0 < self.weights.sum() < np.inf):
                raise UsageError("Sampling weights must be finite, at least 0, and not all 0.")
        if len(lengths) != 1:
            raise UsageError(
                "Pictures, labels, ids and weights must be of one length.",
                received=", ".join(map(str, sorted(lengths))),
            )
        if self.batch_size < 1:
            raise UsageError("A batch holds at least one picture.", received=str(self.batch_size))
        if self.drop_last and 0 < len(self.pictures) < self.batch_size:
            raise UsageError(
                "With drop_last there is not even one batch.",
                expected=f"a batch size of at most {len(self.pictures)}, the count of pictures",
                received=str(self.batch_size),
            )

    def __len__(self) -> int:
        """Batches in an epoch."""
        count = len(self.pictures)
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape of one image: (height, width, channels)."""
        height, width, channels = self.pictures.shape
        return (*(self.size or (height, width)), channels)

    def order(self, epoch: int = 0) -> Positions:
        """The positions of an epoch's pictures, in the order in which they come."""
        if not self.shuffle and self.weights is None:
            return np.arange(len(self.pictures))
        order = Randomness(self.seed).order("order", epoch=epoch, examples=self.ids)
        return order if self.weights is None else self._weighted(order, epoch)

    def batch(self, index: int, epoch: int = 0) -> Batch:
        """The batch at this address."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        return self._make(index % len(self), epoch, self.order(epoch))

    def epoch(self, epoch: int = 0, *, first: int = 0) -> Iterator[Batch]:
        """An epoch's batches from the batch `first` on, made ahead by the workers."""
        order = self.order(epoch)
        return map_ahead(
            lambda index: self._make(index, epoch, order),
            range(first, len(self)),
            workers=self.workers,
        )

    def _make(self, index: int, epoch: int, order: Positions) -> Batch:
        slots = np.arange(index * self.batch_size, min((index + 1) * self.batch_size, len(order)))
        pixels, kept = self.pictures.read(order[slots])
        if len(slots) and not kept.any():
            raise DataError(
                "None of a batch's pictures can be read any more.",
                remedy="is the folder of the pictures still there?",
            )
        slots = slots[kept]
        positions = order[slots]
        height, width, _ = self.image_shape
        examples, randomness = self.ids[positions], Randomness(self.seed)
        if self.weights is not None:  # a picture that comes twice is varied in two ways
            examples = examples + slots.astype(np.uint64)
        if not self.plan.operations and pixels.shape[1:3] == (height, width):
            images = pixels
        else:
            samples = self.plan.sample(randomness, epoch, examples)
            images = self.plan.apply(pixels, samples, (height, width))
        labels = self.labels[positions]
        if not self.mixup:
            return Batch(images, labels, positions)
        mixing = Mixing.drawn(self.mixup, randomness, epoch, examples)
        shares = mixing.shares(labels, classes=int(self.labels.max()) + 1)
        return Batch(mixing.images(images), labels, positions, shares)

    def _weighted(self, order: Positions, epoch: int) -> Positions:
        """Systematic sampling: each picture comes n × weight times, rounded up or down.

        The order is random already, so which pictures are rounded up is, too; a second random
        order then parts the repetitions of a picture.
        """
        count = len(order)
        assert self.weights is not None
        reached = np.cumsum(self.weights[order])
        randomness = Randomness(self.seed)
        start = randomness.uniform("weighted", epoch=epoch, examples=np.zeros(1, np.uint64))[0, 0]
        drawn = np.searchsorted(reached, (np.arange(count) + start) / count * reached[-1], "right")
        slots = randomness.order("slots", epoch=epoch, examples=np.arange(count, dtype=np.uint64))
        chosen: Positions = order[np.minimum(drawn, count - 1)[slots]]
        return chosen


def balanced_weights(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weights under which every class that has pictures gets the same share, shape (n,)."""
    return 1.0 / np.bincount(labels)[labels]
