"""Features of a dataset's pictures: read from disk, or computed and stored."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.augment import Plan
from viewfinder.augment.batches import Pictures
from viewfinder.core.errors import DataError
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.core.progress import Progress
from viewfinder.core.randomness import Randomness, ids
from viewfinder.data.dataset import Dataset
from viewfinder.models.features.extractor import Extractor, Runner
from viewfinder.models.features.store import FeatureStore, Key
from viewfinder.pictures.preprocessing import Preprocessing, decoder_versions

Matrix = NDArray[np.float32]
Positions = NDArray[np.intp]

# Features are written at this interval, so a killed process loses a few seconds of work.
_FLUSH_S = 5.0


@dataclass(frozen=True)
class View:
    """Augmented views of each picture.

    Attributes:
        plan: The augmentation.
        seed: The seed of the variations, which depend on a picture's content otherwise.
        count: The number of views of each picture.
    """

    plan: Plan
    seed: int
    count: int


def features_of(
    dataset: Dataset,
    pictures: Pictures,
    extractor: Extractor,
    preprocessing: Preprocessing,
    *,
    views: View | None = None,
    progress: Progress | None = None,
) -> Matrix:
    """Return the features of all pictures, after computing those that are not stored yet.

    Args:
        dataset: Readable pictures, with the column `content` of :meth:`Store.describe`.
        pictures: Their pixels by position.
        extractor: The network.
        preprocessing: The preprocessing of the network's input. With views, `pictures` may be
            larger.
        views: Augmented views of each picture; None for the plain picture.
        progress: Shows the computation.

    Returns:
        float32, shape `(n, d)`, or `(n, views, d)` with views; NaN for a picture that can no longer
        be read.

    Raises:
        OutputError: The cache cannot be written.
        DataError: None of the pictures can be read.
    """
    progress = progress or Progress(0)
    work = _Work(dataset, pictures, extractor, preprocessing, views)
    store = FeatureStore(work.identity, extractor.name)
    keys = work.keys
    found, known = store.read(keys)
    missing = work.first_of_each(np.flatnonzero(~known))
    if len(missing):
        _compute(work, store, missing, progress)
        found, known = store.read(keys)
    else:
        progress.detail(f"Features: all {len(keys):,} are stored already")
    if found is None:
        raise DataError("None of the pictures can be read.")
    rows = np.full((len(keys), found.shape[1]), np.nan, np.float32)
    rows[known] = found
    return rows if views is None else rows.reshape(len(dataset), views.count, -1)


class _Work:
    """The features of a dataset: one slot per picture and view, ordered by picture, then view."""

    def __init__(
        self,
        dataset: Dataset,
        pictures: Pictures,
        extractor: Extractor,
        preprocessing: Preprocessing,
        views: View | None,
    ) -> None:
        self.pictures = pictures
        self.extractor = extractor
        self.views = views
        self.count = views.count if views else 1
        self.contents: list[str] = dataset.table["content"].tolist()
        self.ids = ids(self.contents)
        self.size = preprocessing.height, preprocessing.width
        self.identity: Mapping[str, Any] = {
            "base": extractor.name,
            "network": dict(extractor.identity),
            "preprocessing": preprocessing.model_dump(mode="json"),
            "decoders": decoder_versions(),
            "views": self._views_record(),
        }

    @property
    def keys(self) -> list[Key]:
        """The key of each slot in the feature store."""
        return [(content, view) for content in self.contents for view in range(self.count)]

    def first_of_each(self, slots: Positions) -> Positions:
        """Return the first of the given slots for each key, without duplicates."""
        keys = self.keys
        first = {keys[slot]: slot for slot in reversed(slots.tolist())}
        return np.asarray(sorted(first.values()), np.intp)

    def images(self, slots: Positions) -> tuple[NDArray[np.uint8], Positions]:
        """Return the network's input for the readable ones of these slots, and those slots."""
        positions, index = np.unique(slots // self.count, return_inverse=True)
        pixels, kept = self.pictures.read(positions)
        slots, index = slots[kept[index]], index[kept[index]]
        pixels = pixels[(np.cumsum(kept) - 1)[index]]  # repeated for each view of a picture
        if self.views is None or not len(slots):
            return pixels, slots
        images = np.empty((len(slots), *self.size, pixels.shape[3]), np.uint8)
        for view in np.unique(slots % self.count):  # each view is an epoch of the plan
            rows = slots % self.count == view
            plan, randomness = self.views.plan, Randomness(self.views.seed)
            samples = plan.sample(randomness, int(view), self.ids[slots[rows] // self.count])
            images[rows] = plan.apply(pixels[rows], samples, self.size)
        return images, slots

    def _views_record(self) -> dict[str, Any] | None:
        if self.views is None:
            return None
        height, width, _ = self.pictures.shape
        plan = self.views.plan.model_dump(mode="json")
        return {"plan": plan, "seed": self.views.seed, "from": [height, width]}


def _compute(work: _Work, store: FeatureStore, slots: Positions, progress: Progress) -> None:
    """Compute and store the features of slots; after an error, the computed ones are stored."""
    runner = work.extractor.start(progress)
    keys = work.keys
    waiting: list[tuple[Positions, Matrix]] = []
    due = time.monotonic() + _FLUSH_S

    def flush() -> None:
        if waiting:
            done = np.concatenate([slots for slots, _ in waiting])
            store.add([keys[slot] for slot in done], np.concatenate([rows for _, rows in waiting]))
            waiting.clear()

    blocks = [slots[start : start + runner.batch] for start in range(0, len(slots), runner.batch)]
    computed = _computed(work, runner, blocks)
    description = f"Computing {work.extractor.name} features of {len(slots):,} pictures (batches)"
    try:
        for done, features in progress.track(computed, description, len(blocks)):
            if len(done):
                waiting.append((done, features))
            if time.monotonic() > due:
                flush()
                due = time.monotonic() + _FLUSH_S
    finally:
        flush()


def _computed(
    work: _Work, runner: Runner, blocks: list[Positions]
) -> Iterator[tuple[Positions, Matrix]]:
    """Yield each block's features in order; pictures are read ahead while the network runs."""

    def run(images: NDArray[np.uint8], slots: Positions) -> tuple[Positions, Matrix]:
        return slots, runner(images) if len(slots) else np.empty((0, 0), np.float32)

    if runner.in_threads:  # each thread reads a block and runs the network on it
        yield from map_ahead(lambda block: run(*work.images(block)), blocks, workers=cores())
        return
    for images, slots in map_ahead(work.images, blocks, workers=cores()):
        yield run(images, slots)
