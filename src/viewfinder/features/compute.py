"""Features of a dataset's pictures: the known ones from the disk, the others computed once."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.augment import Plan
from viewfinder.batches.pictures import Pictures
from viewfinder.core.errors import DataError
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.core.progress import Progress
from viewfinder.core.randomness import Randomness, ids
from viewfinder.data.dataset import Dataset
from viewfinder.features.extractor import Extractor, Runner
from viewfinder.features.store import FeatureStore, Key
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.store.layout import decoder_versions

Matrix = NDArray[np.float32]
Positions = NDArray[np.intp]

# What is computed is on the disk soon after: a killed run loses so many seconds of work.
_FLUSH_S = 5.0


@dataclass(frozen=True)
class View:
    """How pictures are varied before the network sees them.

    Attributes:
        plan: The augmentation.
        seed: Decides the variations; each picture's depend on its content and on nothing else.
        count: How many views each picture has.
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
    """The features of all pictures, computed where they are not known yet.

    Args:
        dataset: Readable pictures, with their `content`, as :func:`open_store` describes them.
        pictures: Their pixels by position.
        extractor: The network.
        preprocessing: What the network takes. With views, `pictures` may be larger than that.
        views: Variations of each picture; None for the picture as it is.
        progress: Shows how far it is.

    Returns:
        float32, shape `(n, d)`, or `(n, views, d)` with views. A picture that has turned bad
        since it was listed has NaN.

    Raises:
        OutputError: The cache cannot be written.
        DataError: None of the pictures can be read any more.
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
        progress.detail(f"Features: all {len(keys):,} known")
    if found is None:
        raise DataError("None of the pictures can be read any more.")
    rows = np.full((len(keys), found.shape[1]), np.nan, np.float32)
    rows[known] = found
    return rows if views is None else rows.reshape(len(dataset), views.count, -1)


class _Work:
    """What is to be computed: slots, one for each picture and view, a picture's side by side."""

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
        """What each slot's features are found by."""
        return [(content, view) for content in self.contents for view in range(self.count)]

    def first_of_each(self, slots: Positions) -> Positions:
        """These slots, those with the content of another left out."""
        keys = self.keys
        first = {keys[slot]: slot for slot in reversed(slots.tolist())}
        return np.asarray(sorted(first.values()), np.intp)

    def images(self, slots: Positions) -> tuple[NDArray[np.uint8], Positions]:
        """The pixels of slots as the network takes them, and which slots could be read."""
        positions, place = np.unique(slots // self.count, return_inverse=True)
        pixels, kept = self.pictures.read(positions)
        slots, place = slots[kept[place]], place[kept[place]]
        pixels = pixels[(np.cumsum(kept) - 1)[place]]  # a picture once for each of its views
        if self.views is None or not len(slots):
            return pixels, slots
        images = np.empty((len(slots), *self.size, pixels.shape[3]), np.uint8)
        for view in np.unique(slots % self.count):  # a view is an epoch of the plan
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
    """Compute the features of slots; they are on the disk soon after, whatever ends this."""
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
    answers = _answers(work, runner, blocks)
    description = f"{work.extractor.name} looks at {len(slots):,} pictures (batches)"
    try:
        for done, features in progress.track(answers, description, len(blocks)):
            if len(done):
                waiting.append((done, features))
            if time.monotonic() > due:
                flush()
                due = time.monotonic() + _FLUSH_S
    finally:
        flush()


def _answers(
    work: _Work, runner: Runner, blocks: list[Positions]
) -> Iterator[tuple[Positions, Matrix]]:
    """Each block's features, in order; pictures are read ahead while the network runs."""

    def run(images: NDArray[np.uint8], slots: Positions) -> tuple[Positions, Matrix]:
        return slots, runner(images) if len(slots) else np.empty((0, 0), np.float32)

    if runner.in_threads:  # each thread reads a block and runs it: no core waits for another
        yield from map_ahead(lambda block: run(*work.images(block)), blocks, workers=cores())
        return
    for images, slots in map_ahead(work.images, blocks, workers=cores()):
        yield run(images, slots)
