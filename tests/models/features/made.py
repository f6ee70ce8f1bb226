"""A tiny frozen network, pictures for it, and features that a probe can learn."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from typing_extensions import override

from folders import write_classes
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import open_dataset
from viewfinder.data.store import open_store
from viewfinder.models.features.extractor import Extractor, Matrix, Runner
from viewfinder.pictures.preprocessing import Preprocessing

SMALL = Preprocessing(height=8, width=8)


@dataclass
class Means(Runner):
    """A network with the channels' means as features, which records its inputs."""

    batch: int = 4
    in_threads: bool = False
    seen: int = 0
    fails_after: int | None = None

    @override
    def __call__(self, images: np.ndarray) -> Matrix:
        if self.fails_after is not None and self.seen >= self.fails_after:
            raise KeyboardInterrupt
        self.seen += len(images)
        return images.mean(axis=(1, 2)).astype(np.float32)


class MeansExtractor(Extractor):
    """An extractor that starts `Means`."""

    name = "means"
    identity: ClassVar = {"network": "means"}

    def __init__(self, runner: Means | None = None) -> None:
        self.runner = runner or Means()

    @override
    def build(self) -> Any:
        raise AssertionError("no network of Keras is needed")

    @override
    def start(self, progress: Progress) -> Runner:
        return self.runner


def pictures(root: Path, counts: dict[str, int] | None = None) -> tuple[Dataset, Any]:
    """A read dataset of noise in class folders, with its pixels."""
    write_classes(root, counts or {"a": 6, "b": 5})
    dataset = open_dataset(root)
    store = open_store(dataset, SMALL)
    dataset = store.describe(dataset)
    return dataset, store.pictures(dataset)


def clouds(count: int, width: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels: an overlapping cloud of points per class."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = random.normal(size=(classes, width))
    spread = random.uniform(0.1, 5, width)
    features = (centres[labels] + 1.2 * random.normal(size=(count, width))) * spread + 3
    return features.astype(np.float32), labels.astype(np.int64)
