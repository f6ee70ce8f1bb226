"""A recipe's frozen base: its network, and its features."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

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


@dataclass(frozen=True, eq=False)
class FrozenBase:
    """A base with its settings, which Keras builds once, at first use.

    Attributes:
        settings: Base, width, weights, cut and pooling.
        preprocessing: The preprocessing of its input.
        seed: The seed of random weights.
        source: The file or folder of the weights; None for random weights.
        progress: Reports warnings about the base.
        ranges: Prepared pictures on which the ranges of its activations in 8 bits are measured;
            None for the network in float32.
    """

    settings: Transfer
    preprocessing: Preprocessing
    seed: int
    source: Path | None
    progress: Progress | None = None
    ranges: NDArray[np.uint8] | None = None

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

    def in_int8(self, ranges: NDArray[np.uint8]) -> "FrozenBase":
        """Return the base with features that are computed in 8 bits, by ONNX Runtime."""
        return replace(self, ranges=ranges)

    @property
    def base(self) -> Base:
        """The base, without its cut and pooling."""
        return self.settings.built_on

    @cached_property
    def built(self) -> "BuiltBase":
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
        """The extractor of its pooled features.

        In 8 bits, its start raises `UsageError` for a network that ONNX Runtime cannot run.
        """
        if self.ranges is None:
            return self.in_float32
        digest = hashlib.blake2b(self.ranges.tobytes(), digest_size=16).hexdigest()
        identity = {**self._identity(), INT8: digest}
        return Extractor(
            f"{self.base.label} in int8", identity, self._network, self._write_int8, on_cpu=True
        )

    @cached_property
    def in_float32(self) -> Extractor:
        """The extractor of its pooled features in float32."""
        write = self._write_graph if isinstance(self.base, FromWheel) else None
        on_cpu = self.ranges is not None
        return Extractor(self.base.label, self._identity(), self._network, write, on_cpu)

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

    def _write_int8(self, path: Path) -> None:
        import onnx

        assert self.ranges is not None
        graph = self.in_float32.graph(self.progress or Progress(0))
        if graph is None:
            raise UsageError(
                f"{self.base.label} cannot be computed in 8 bits.",
                expected="a network that ONNX Runtime can run",
                remedy="train with `int8=False`",
            )
        onnx.save(quantized(onnx.load(graph), self.ranges), path)

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
        model = self.built.model  # imports Keras, on the right backend

        import keras

        from viewfinder.models.networks.head import model_name, pooled

        rows = pooled(model.outputs[0], self.settings.pooling)
        return keras.Model(model.inputs[0], rows, name=f"{model_name(self.base.label)}_features")
