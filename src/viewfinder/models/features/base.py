"""The features of a base with the settings of a recipe."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.bases.base import Base, require_fitting
from viewfinder.bases.from_wheel import FromWheel
from viewfinder.core.errors import UsageError
from viewfinder.core.progress import Progress
from viewfinder.models.features.extractor import Extractor
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.recipe import Recipe
from viewfinder.recipe.transfer import Transfer
from viewfinder.runtime.backend import versions
from viewfinder.runtime.quantizing import INT8, quantized

if TYPE_CHECKING:
    import keras

    from viewfinder.bases.networks import BuiltBase


@dataclass(eq=False)
class BaseExtractor(Extractor):
    """The pooled features of a base, which Keras builds once, if it has to.

    Args:
        settings: Base, width, weights, cut and pooling.
        preprocessing: The preprocessing of its input.
        seed: The seed of random weights.
        source: The file or folder of the weights; None for random weights.
        progress: Reports warnings about the base.
        ranges: Prepared pictures on which the ranges of its activations in 8 bits are measured;
            None for the network in float32.
        on_cpu: Whether ONNX Runtime runs it where there is an accelerator, too.
    """

    settings: Transfer
    preprocessing: Preprocessing
    seed: int = 0
    source: Path | None = None
    progress: Progress | None = None
    ranges: NDArray[np.uint8] | None = None
    on_cpu: bool = False

    @classmethod
    def of(cls, recipe: Recipe, settings: Transfer, progress: Progress) -> "BaseExtractor":
        """Return the extractor of a resolved recipe; weights are downloaded if necessary.

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
    ) -> "BaseExtractor":
        """Return the extractor for this preprocessing; raises as :meth:`of`."""
        side = min(preprocessing.height, preprocessing.width)
        source = settings.built_on.obtain(side, progress)
        return cls(settings, preprocessing, seed, source, progress)

    def in_int8(self, ranges: NDArray[np.uint8]) -> "BaseExtractor":
        """Return the same features computed in 8 bits, by ONNX Runtime.

        Its start raises `UsageError` for a network that ONNX Runtime cannot run.
        """
        return replace(self, ranges=ranges, on_cpu=True)

    @cached_property
    def in_float32(self) -> "BaseExtractor":
        """The same features in float32."""
        return self if self.ranges is None else replace(self, ranges=None)

    @property
    def base(self) -> Base:
        """The base, without its cut and pooling."""
        return self.settings.built_on

    @cached_property
    def built(self) -> "BuiltBase":
        """The base in Keras.

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

    @property
    @override
    def name(self) -> str:
        return self.base.label if self.ranges is None else f"{self.base.label} in int8"

    @cached_property
    @override
    def identity(self) -> dict[str, Any]:
        identity = {
            **self.base.identity(self.source, self.seed),
            "input": list(self.preprocessing.shape),
            "cut": self.settings.cut,
            "pooling": self.settings.pooling,
            # Another version may build another network. The number is that of the graph's layout:
            # its outputs are the features and the last feature map.
            "keras": None if isinstance(self.base, FromWheel) else versions().get("keras"),
            "graph": 1,
        }
        if self.ranges is not None:
            identity[INT8] = hashlib.blake2b(self.ranges.tobytes(), digest_size=16).hexdigest()
        return identity

    @override
    def build(self) -> "keras.Model":
        model = self.built.model  # imports Keras, on the right backend

        import keras

        from viewfinder.models.networks.head import model_name, pooled

        rows = pooled(model.outputs[0], self.settings.pooling)
        return keras.Model(model.inputs[0], rows, name=f"{model_name(self.base.label)}_features")

    @property
    @override
    def needs_keras(self) -> bool:
        return self.ranges is None and not isinstance(self.base, FromWheel)

    @override
    def write(self, path: Path) -> None:
        import onnx

        onnx.save(self._of_wheel() if self.ranges is None else self._quantized(), path)

    def _quantized(self) -> Any:
        import onnx

        assert self.ranges is not None
        graph = self.in_float32.graph(self.progress or Progress(0))
        if graph is None:
            raise UsageError(
                f"{self.base.label} cannot be computed in 8 bits.",
                expected="a network that ONNX Runtime can run",
                remedy="train with `int8=False`",
            )
        return quantized(onnx.load(graph), self.ranges)

    def _of_wheel(self) -> Any:
        from viewfinder.bases.lite.graph import graph_of
        from viewfinder.bases.lite.weights import weights_of

        require_fitting(self.base, self.preprocessing.shape)
        return graph_of(
            weights_of(self.source, self.seed),
            input_shape=self.preprocessing.shape,
            cut=self.settings.cut,
            pooling=self.settings.pooling,
        )
