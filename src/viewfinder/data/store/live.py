"""Pictures that are decoded from their source on every read."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import RejectedPicture
from viewfinder.core.stages import Stages
from viewfinder.data.dataset import Dataset
from viewfinder.data.source import Source
from viewfinder.pictures.prepare import prepare
from viewfinder.pictures.preprocessing import Preprocessing


def some_pixels(dataset: Dataset, preprocessing: Preprocessing, most: int) -> NDArray[np.uint8]:
    """Return up to `most` pictures of a dataset, evenly spaced, without those that are unreadable.

    Returns:
        uint8, shape (n, height, width, channels).
    """
    chosen = np.linspace(0, len(dataset) - 1, min(most, len(dataset))).astype(np.intp)
    pictures = LivePictures(dataset.source, list(dataset.table["locator"]), preprocessing)
    return pictures.read(chosen)[0]


@dataclass(frozen=True)
class LivePictures:
    """The pictures of a dataset without a store, by position.

    They need no disk space, and are decoded again in each epoch, by the workers of `Batches`.

    Attributes:
        source: The source of the bytes.
        locators: The pictures, in the order of their positions.
        preprocessing: The preprocessing of the pixels.
        dropped: The rejections, by locator, of pictures that have become unreadable.
        stages: The seconds of "decoding", which are part of those of :meth:`read`.
    """

    source: Source
    locators: Sequence[str] = field(repr=False)
    preprocessing: Preprocessing
    dropped: dict[str, RejectedPicture] = field(default_factory=dict)
    stages: Stages = field(default_factory=Stages, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __len__(self) -> int:
        return len(self.locators)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one picture: (height, width, channels)."""
        return self.preprocessing.shape

    def read(self, positions: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return the readable pictures, uint8 (m, height, width, channels), and their mask."""
        pixels = np.empty((len(positions), *self.shape), np.uint8)
        kept = np.ones(len(positions), np.bool_)
        for slot, position in enumerate(positions):
            locator = self.locators[position]
            try:
                content = self.source.read(locator)
                with self.stages.timed("decoding"):
                    pixels[slot] = prepare(content, self.preprocessing).pixels
            except RejectedPicture as rejection:
                kept[slot] = False
                with self._lock:
                    self.dropped[locator] = rejection
        return (pixels if kept.all() else pixels[kept]), kept
