"""Mixup: pictures and labels blended with those of others in their batch.

Zhang and others 2018, arXiv:1710.09412, with uniform weights (their alpha of 1). The weight of a
picture's own label is at least a half, so that it stays the picture's label. As partners are drawn
at random, this only decides which picture of a pair counts as the first.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from viewfinder.core.randomness import Ids, Randomness


@dataclass(frozen=True, eq=False)
class Mixing:
    """The partners and weights by which the pictures of a batch are blended.

    Attributes:
        partners: The index in the batch of each picture's partner, shape (n,).
        weights: Each picture's own weight, float64, shape (n,): 1 for unchanged pictures, else
            from a half to 1.
    """

    partners: NDArray[np.intp]
    weights: NDArray[np.float64]

    @classmethod
    def drawn(cls, share: float, randomness: Randomness, epoch: int, examples: Ids) -> "Mixing":
        """Draw partners and weights for a batch.

        Args:
            share: The share of blended pictures.
            randomness: The random numbers of the run.
            epoch: The pass over the pictures, from 0.
            examples: The ids of the batch's pictures, uint64, shape (n,).
        """
        chance, weight = randomness.uniform("mixup", epoch=epoch, examples=examples, draws=2).T
        return cls(
            partners=randomness.order("mixup partners", epoch=epoch, examples=examples),
            weights=np.where(chance < share, (1 + weight) / 2, 1.0),
        )

    def images(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return blended copies of the pictures, (n, height, width, channels)."""
        blended = images.copy()
        for index in np.flatnonzero(self.weights < 1):
            weight = self.weights[index]
            partner = images[self.partners[index]]
            pixels = cv2.addWeighted(images[index], weight, partner, 1 - weight, 0)
            blended[index] = pixels.reshape(partner.shape)  # OpenCV drops an axis of one channel
        return blended

    def shares(self, labels: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
        """Return the blended labels: float32, shape (n, classes), rows sum to 1."""
        own = np.eye(classes)[labels]
        weights = self.weights[:, None]
        return (weights * own + (1 - weights) * own[self.partners]).astype(np.float32)
