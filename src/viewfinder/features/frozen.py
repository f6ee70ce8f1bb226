"""A recipe's frozen base as the way to features, and as the network that the head goes on."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viewfinder.bases.at_hand import weights_file
from viewfinder.bases.catalogue import base_named
from viewfinder.bases.settings import Transfer
from viewfinder.features.extractor import Extractor
from viewfinder.preprocessing import Preprocessing
from viewfinder.progress import Progress
from viewfinder.recipe import Recipe
from viewfinder.runtime.backend import versions

if TYPE_CHECKING:
    import keras

    from viewfinder.models.backbones import Backbone


@dataclass(frozen=True, eq=False)
class FrozenBase:
    """A base by its settings; Keras builds it when it is first needed, and once.

    Attributes:
        settings: Base, width, weights, cut and pooling.
        preprocessing: What it takes.
        seed: Decides its weights where none are loaded.
        file: The weights; None where they are drawn.
    """

    settings: Transfer
    preprocessing: Preprocessing
    seed: int
    file: Path | None

    @classmethod
    def of(cls, recipe: Recipe, settings: Transfer, progress: Progress) -> "FrozenBase":
        """The base of a settled recipe.

        Raises:
            UsageError: There are no ImageNet weights for this width.
            DataError: The weights are not at hand.
        """
        return cls.at(settings, recipe.preprocessing, seed=recipe.seed, progress=progress)

    @classmethod
    def at(
        cls,
        settings: Transfer,
        preprocessing: Preprocessing,
        *,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> "FrozenBase":
        """The same without a recipe; raises the same."""
        side = min(preprocessing.height, preprocessing.width)
        base = base_named(settings.base)
        file = weights_file(base, settings.alpha, settings.weights, side, progress)
        return cls(settings, preprocessing, seed, file)

    @cached_property
    def backbone(self) -> "Backbone":
        """The network.

        Raises:
            UsageError: It has no such layer, or the pictures are too small for it.
            DataError: The weights are damaged, or another network's.
        """
        from viewfinder.models.backbones import build_backbone

        return build_backbone(
            self.settings.base,
            input_shape=self.preprocessing.shape,
            alpha=self.settings.alpha,
            weights=self.file or "none",
            cut=self.settings.cut,
            seed=self.seed,
        )

    @cached_property
    def extractor(self) -> Extractor:
        """The way to its features."""
        return Extractor(self.settings.base, self._identity(), self._network)

    def _identity(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "base": settings.base,
            "alpha": base_named(settings.base).width(settings.alpha),
            "input": list(self.preprocessing.shape),
            "cut": settings.cut,
            "pooling": settings.pooling,
            "weights": _content(self.file) if self.file else f"drawn from seed {self.seed}",
            "keras": versions()["keras"],  # another one may build another network
        }

    def _network(self) -> "keras.Model":
        model = self.backbone.model  # imports Keras, on the right backend

        import keras

        from viewfinder.models.head import pooled

        rows = pooled(model.outputs[0], self.settings.pooling)
        return keras.Model(model.inputs[0], rows, name=f"{self.settings.base}_features")


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
