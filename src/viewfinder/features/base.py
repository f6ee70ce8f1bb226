"""A recipe's frozen base: its network, and its features."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viewfinder.bases.base import Base, require_fitting
from viewfinder.bases.from_wheel import FromWheel
from viewfinder.core.progress import Progress
from viewfinder.features.extractor import Extractor
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.recipe import Recipe
from viewfinder.recipe.transfer import Transfer
from viewfinder.runtime.backend import versions

if TYPE_CHECKING:
    import keras

    from viewfinder.bases.networks import Backbone


@dataclass(frozen=True, eq=False)
class FrozenBase:
    """A base with its settings, which Keras builds once, at first use.

    Attributes:
        settings: Base, width, weights, cut and pooling.
        preprocessing: The preprocessing of its input.
        seed: The seed of random weights.
        source: The file or folder of the weights; None for random weights.
        progress: Reports warnings about the base.
    """

    settings: Transfer
    preprocessing: Preprocessing
    seed: int
    source: Path | None
    progress: Progress | None = None

    @classmethod
    def of(cls, recipe: Recipe, settings: Transfer, progress: Progress) -> "FrozenBase":
        """Return the base of a resolved recipe, with its weights downloaded if necessary.

        Raises:
            UsageError: There are no ImageNet weights for this width, or KerasHub is missing.
            DataError: The base or its weights are missing.
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
        """Return a base for this preprocessing; raises as :meth:`of`."""
        side = min(preprocessing.height, preprocessing.width)
        source = settings.built_on.obtain(side, progress)
        return cls(settings, preprocessing, seed, source, progress)

    @property
    def base(self) -> Base:
        """The base, without its cut and pooling."""
        return self.settings.built_on

    @cached_property
    def backbone(self) -> "Backbone":
        """The built network.

        Raises:
            UsageError: The base has no such layer, or the pictures are too small for it.
            DataError: The base or its weights are damaged, or another network's.
        """
        from viewfinder.bases.networks import build_from

        return build_from(
            self.base,
            self.source,
            input_shape=self.preprocessing.shape,
            cut=self.settings.cut,
            seed=self.seed,
            progress=self.progress,
        )

    @cached_property
    def extractor(self) -> Extractor:
        """The extractor of its pooled features."""
        write = self._write_graph if isinstance(self.base, FromWheel) else None
        return Extractor(self.base.label, self._identity(), self._network, write)

    def _identity(self) -> dict[str, Any]:
        return {
            **self.base.identity(self.source, self.seed),
            "input": list(self.preprocessing.shape),
            "cut": self.settings.cut,
            "pooling": self.settings.pooling,
            # Another version may build another network. The number is that of the graph's layout:
            # its outputs are the features and the last feature map.
            "keras": None if isinstance(self.base, FromWheel) else versions().get("keras"),
            "graph": 1,
        }

    def _write_graph(self, path: Path) -> None:
        import onnx

        from viewfinder.bases.lite.graph import graph_of
        from viewfinder.bases.lite.weights import weights_of

        require_fitting(self.base, self.preprocessing.shape)
        graph = graph_of(
            weights_of(self.source, self.seed),
            input_shape=self.preprocessing.shape,
            cut=self.settings.cut,
            pooling=self.settings.pooling,
        )
        onnx.save(graph, path)

    def _network(self) -> "keras.Model":
        model = self.backbone.model  # imports Keras, on the right backend

        import keras

        from viewfinder.models.head import model_name, pooled

        rows = pooled(model.outputs[0], self.settings.pooling)
        return keras.Model(model.inputs[0], rows, name=f"{model_name(self.base.label)}_features")
