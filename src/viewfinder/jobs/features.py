"""The features that a recipe's frozen base computes of each split's pictures."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.store import open_store
from viewfinder.data.store.live import some_pixels
from viewfinder.jobs.prepare import Prepared
from viewfinder.models.features.base import BaseExtractor
from viewfinder.models.features.compute import View, features_of
from viewfinder.runtime.quantizing import CALIBRATING

Matrix = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SplitFeatures:
    """The pictures of a split that have features, and the features.

    Attributes:
        dataset: The pictures.
        positions: Their positions among all pictures of the split, shape `(n,)`.
        rows: Their features, float32, shape `(n, d)`.
    """

    dataset: Dataset
    positions: NDArray[np.intp]
    rows: Matrix

    def where(self, kept: NDArray[np.bool_]) -> "SplitFeatures":
        """The pictures for which `kept` holds."""
        return SplitFeatures(self.dataset.where(kept), self.positions[kept], self.rows[kept])


@dataclass(frozen=True, eq=False)
class Features:
    """The features of prepared pictures; each split is computed once, when first used.

    Attributes:
        prepared: The pictures and the recipe, whose base is frozen.
        progress: Shows how far the computation is.
    """

    prepared: Prepared
    progress: Progress

    @cached_property
    def base(self) -> BaseExtractor:
        """The frozen base.

        Raises:
            UsageError: There are no ImageNet weights of this width.
            DataError: The weights are missing.
        """
        settings = self.prepared.recipe.on_features
        assert settings is not None
        recipe = self.prepared.recipe
        base = BaseExtractor.of(recipe, settings, self.progress)
        if not (recipe.int8 and recipe.chooses_on_folds):  # what Keras trains is quantized as whole
            return base
        train = self.prepared.dataset.only("train")
        return base.in_int8(some_pixels(train, recipe.preprocessing, CALIBRATING))

    def of(self, split: str) -> SplitFeatures:
        """The features of a split's pictures, without augmentation."""
        prepared, preprocessing = self.prepared, self.prepared.recipe.preprocessing
        dataset, pictures = prepared.dataset.only(split), prepared.pictures[split]
        if pictures.shape != preprocessing.shape:  # stored larger, for augmentation
            store = open_store(
                dataset, preprocessing, budget=prepared.store_budget, progress=self.progress
            )
            pictures = store.pictures(dataset)
        rows = features_of(dataset, pictures, self.base, preprocessing, progress=self.progress)
        kept = np.asarray(np.isfinite(rows).all(axis=1))
        return SplitFeatures(dataset.where(kept), np.flatnonzero(kept), rows[kept])

    def views(self, train: SplitFeatures) -> Matrix:
        """The features of the training pictures in all views: float32, shape (n, views, d).

        The first view is the picture itself, further views are augmented.
        """
        plain = train.rows[:, None]
        further = self.base.settings.views - 1
        if not further:
            return plain
        recipe = self.prepared.recipe
        varied = features_of(
            self.prepared.dataset.only("train"),
            self.prepared.pictures["train"],
            self.base,
            recipe.preprocessing,
            views=View(recipe.training.plan, recipe.seed, further),
            progress=self.progress,
        )[train.positions]
        # A picture that became unreadable meanwhile keeps its plain features.
        varied = np.where(np.isfinite(varied), varied, plain)
        return np.concatenate([plain, varied], axis=1)
