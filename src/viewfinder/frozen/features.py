"""What a recipe's frozen base says of each split's pictures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewfinder.data.dataset import Dataset
from viewfinder.data.store import open_store
from viewfinder.features.compute import View, features_of
from viewfinder.features.frozen import FrozenBase
from viewfinder.prepared import Prepared
from viewfinder.progress import Progress

Matrix = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SplitFeatures:
    """A split's pictures that have features, and these.

    Attributes:
        dataset: The pictures.
        positions: Where they are among all pictures of the split, shape `(n,)`.
        rows: Their features, float32, shape `(n, d)`.
    """

    dataset: Dataset
    positions: NDArray[np.intp]
    rows: Matrix

    def where(self, kept: NDArray[np.bool_]) -> "SplitFeatures":
        """Some of the pictures."""
        return SplitFeatures(self.dataset.where(kept), self.positions[kept], self.rows[kept])


def frozen_base(prepared: Prepared, progress: Progress) -> FrozenBase:
    """The base whose features the head is fitted on.

    Raises:
        UsageError: There are no ImageNet weights for this width.
        DataError: The weights are not at hand.
    """
    settings = prepared.recipe.on_features
    assert settings is not None
    return FrozenBase.of(prepared.recipe, settings, progress)


def split_features(
    prepared: Prepared, split: str, base: FrozenBase, progress: Progress
) -> SplitFeatures:
    """The features of a split's pictures as they are, without variation."""
    recipe, dataset = prepared.recipe, prepared.dataset.only(split)
    pictures = prepared.pictures[split]
    if pictures.shape != recipe.preprocessing.shape:  # larger, for the views
        budget = prepared.store_budget
        store = open_store(dataset, recipe.preprocessing, budget=budget, progress=progress)
        pictures = store.pictures(dataset)
    rows = features_of(dataset, pictures, base.extractor, recipe.preprocessing, progress=progress)
    kept = np.asarray(np.isfinite(rows).all(axis=1))
    return SplitFeatures(dataset.where(kept), np.flatnonzero(kept), rows[kept])


def training_views(
    prepared: Prepared, part: SplitFeatures, base: FrozenBase, progress: Progress
) -> Matrix:
    """The training pictures' features, (n, views, d): as they are, and in further views."""
    plain = part.rows[:, None]
    further = base.settings.views - 1
    if not further:
        return plain
    recipe = prepared.recipe
    varied = features_of(
        prepared.dataset.only("train"),
        prepared.pictures["train"],
        base.extractor,
        recipe.preprocessing,
        views=View(recipe.training.plan, recipe.seed, further),
        progress=progress,
    )[part.positions]
    # A picture that has turned bad meanwhile is taken as it was.
    varied = np.where(np.isfinite(varied), varied, plain)
    return np.concatenate([plain, varied], axis=1)
