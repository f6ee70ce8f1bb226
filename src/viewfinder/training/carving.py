"""A part of the training pictures, set aside to decide between two models."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from viewfinder.augment import policy
from viewfinder.batches import Batches, Pictures, Positions
from viewfinder.errors import DataError, RejectedPicture
from viewfinder.randomness import Randomness


@dataclass(frozen=True)
class Rows:
    """Some of the pictures, as pictures of their own.

    Attributes:
        pictures: All of them.
        rows: Which, as positions among all.
    """

    pictures: Pictures
    rows: Positions

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one picture: (height, width, channels)."""
        return self.pictures.shape

    @property
    def dropped(self) -> Mapping[str, RejectedPicture]:
        """Pictures that have turned bad since they were listed: by locator, and why."""
        return self.pictures.dropped

    def read(self, positions: Positions) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Pictures, and which of the positions they are of; see `Pictures.read`."""
        return self.pictures.read(self.rows[positions])


def carve(train: Batches, share: float) -> tuple[Batches, Batches]:
    """What still trains, and what is set aside: of each class the same share, at least one.

    The set aside come in their order and unvaried, as validation pictures do. Which they are
    depends on the seed and the pictures' ids alone.

    Args:
        train: Batches of training pictures.
        share: Of each class, above 0 and below 1.

    Raises:
        DataError: No class has two pictures.
    """
    order = Randomness(train.seed).order("carved", epoch=-1, examples=train.ids)
    aside: list[int] = []
    for label in np.unique(train.labels):
        ordered = order[train.labels[order] == label]
        aside.extend(ordered[: min(max(1, round(share * len(ordered))), len(ordered) - 1)])
    if not aside:
        raise DataError(
            "There are too few pictures to decide whether fine-tuning is of use.",
            expected="at least two training pictures of a class",
            received="one of each",
        )
    is_aside = np.isin(np.arange(len(train.labels)), aside)
    height, width, _ = train.image_shape
    carved = _only(train, np.flatnonzero(is_aside))
    carved = replace(
        carved,
        plan=policy("none"),
        size=(height, width),
        mixup=0.0,
        shuffle=False,
        drop_last=False,
    )
    return _only(train, np.flatnonzero(~is_aside)), carved


def _only(batches: Batches, rows: Positions) -> Batches:
    return replace(
        batches,
        pictures=Rows(batches.pictures, rows),
        labels=batches.labels[rows],
        ids=batches.ids[rows],
        weights=None if batches.weights is None else batches.weights[rows],
    )
