"""Pictures that are decoded from their source each time they are asked for."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import RejectedPicture
from viewfinder.data.source import Source
from viewfinder.pictures.prepare import prepare
from viewfinder.pictures.preprocessing import Preprocessing


@dataclass(frozen=True)
class LivePictures:
    """The pictures of a dataset where no store holds them, reachable by position.

    Costs no disk, and the time of decoding in each epoch; it is the workers of `Batches` that
    decode, several batches at once.

    Attributes:
        source: Where the bytes are.
        locators: The pictures, in the order of their positions.
        preprocessing: What is made of them.
        dropped: Pictures that could not be read any more, by locator, and why.
    """

    source: Source
    locators: Sequence[str] = field(repr=False)
    preprocessing: Preprocessing
    dropped: dict[str, RejectedPicture] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __len__(self) -> int:
        return len(self.locators)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one picture: (height, width, channels)."""
        return self.preprocessing.shape

    def read(self, positions: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """These pictures, uint8 (m, height, width, channels), and which of them could be read."""
        pixels = np.empty((len(positions), *self.shape), np.uint8)
        kept = np.ones(len(positions), np.bool_)
        for slot, position in enumerate(positions):
            locator = self.locators[position]
            try:
                pixels[slot] = prepare(self.source.read(locator), self.preprocessing).pixels
            except RejectedPicture as rejection:
                kept[slot] = False
                with self._lock:
                    self.dropped[locator] = rejection
        return (pixels if kept.all() else pixels[kept]), kept
