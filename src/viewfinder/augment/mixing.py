"""Mixup: pictures blended with others of their batch, and their labels with them.

Zhang and others 2018, arXiv:1710.09412, with weights drawn evenly (their alpha of 1). The weight of
a picture's own label is never below a half, so that it stays the picture's label; as the other one
of a pair is drawn at random, that changes nothing but the names of the two.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from viewfinder.core.randomness import Ids, Randomness


@dataclass(frozen=True, eq=False)
class Mixing:
    """Which pictures of a batch are blended, with which others, and how much of them is left.

    Attributes:
        partners: For each picture the place of the other one in the batch, shape (n,).
        weights: The share of itself in each picture, float64, shape (n,): 1 where it stays as it
            is, else from a half to 1.
    """

    partners: NDArray[np.intp]
    weights: NDArray[np.float64]

    @classmethod
    def drawn(cls, share: float, randomness: Randomness, epoch: int, examples: Ids) -> "Mixing":
        """Draw it for a batch.

        Args:
            share: The share of the pictures that are blended.
            randomness: Of the training.
            epoch: The pass over the pictures, from 0.
            examples: The ids of the batch's pictures, uint64, shape (n,).
        """
        chance, place = randomness.uniform("mixup", epoch=epoch, examples=examples, draws=2).T
        return cls(
            partners=randomness.order("mixup partners", epoch=epoch, examples=examples),
            weights=np.where(chance < share, (1 + place) / 2, 1.0),
        )

    def images(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The pictures, (n, height, width, channels), blended; those given stay as they are."""
        blended = images.copy()
        for place in np.flatnonzero(self.weights < 1):
            weight = self.weights[place]
            other = images[self.partners[place]]
            pixels = cv2.addWeighted(images[place], weight, other, 1 - weight, 0)
            blended[place] = pixels.reshape(other.shape)  # OpenCV drops an axis of one channel
        return blended

    def shares(self, labels: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
        """What each picture shows of each class: float32, shape (n, classes), rows sum to 1."""
        own = np.eye(classes)[labels]
        weights = self.weights[:, None]
        return (weights * own + (1 - weights) * own[self.partners]).astype(np.float32)
