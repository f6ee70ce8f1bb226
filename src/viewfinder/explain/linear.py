"""A linear head on the last feature map, explained from `model.onnx` alone, without Keras.

Pooling and head are linear in the map (but for maximum pooling, piecewise), so that their gradient
is known without differentiation, and the class activation maps are exact.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.classifier import Classifier
from viewfinder.models.features.extractor import MAPS
from viewfinder.models.features.joined import head_of
from viewfinder.models.features.logistic import Linear
from viewfinder.runtime.onnx import BATCH, OnnxModel

Values = NDArray[np.float32]


@dataclass(frozen=True)
class LastMap:
    """The map before the head; its name is that of the output of `model.onnx`."""

    name: str = MAPS


@dataclass(frozen=True, eq=False)
class LinearNetwork:
    """What :class:`viewfinder.explain.networks.Network` computes, for the last feature map.

    Attributes:
        network: Has the output `maps`, (n, rows, columns, channels).
        head: The head on the pooled map.
        pooling: "average", "max", "quarters" or "flatten".
    """

    network: OnnxModel
    head: Linear
    pooling: str
    last_map: LastMap = LastMap()

    @classmethod
    def of(cls, classifier: Classifier) -> "LinearNetwork | None":
        """Return the network of a classifier; None for a model of another kind."""
        network = classifier.network
        if not isinstance(network, OnnxModel) or len(network.shapes.get(MAPS, ())) != 3:
            return None
        if (head := head_of(classifier)) is None:
            return None
        found = cls(network, head, network.facts["pooling"])
        return found if len(head.weights) == found._width else None

    def values(self, _: LastMap, images: NDArray[Any]) -> Values:
        """Return the map of pictures, float32, (n, rows, columns, channels)."""
        starts = range(0, len(images), BATCH)
        return np.concatenate(
            [self.network.run(images[start : start + BATCH], MAPS)[1] for start in starts]
        )

    def scores(self, images: NDArray[Any]) -> Values:
        """Return each class's score before sigmoid or softmax: float32, (n, classes)."""
        values = self.values(self.last_map, images)
        if self.pooling == "max":
            pooled = values.max(axis=(1, 2))
        else:
            pooled = np.einsum("pyx,nyxc->npc", self._windows, values).reshape(len(images), -1)
        scores = pooled @ self.head.weights + self.head.bias
        return np.hstack([-scores, scores]) if scores.shape[1] == 1 else scores

    def gradients(
        self, _: LastMap, values: Values, images: NDArray[Any], classes: NDArray[Any]
    ) -> Values:
        """Return the gradient of a class's score by the map, of the shape of `values`."""
        weights = self.head.weights
        if weights.shape[1] == 1:
            weights = np.hstack([-weights, weights])
        chosen = weights.T[classes].reshape(len(images), -1, values.shape[3])
        if self.pooling != "max":
            return np.asarray(np.einsum("pyx,npc->nyxc", self._windows, chosen))
        flat = values.reshape(len(images), -1, values.shape[3])
        gradients = np.zeros_like(flat)
        np.put_along_axis(gradients, flat.argmax(axis=1, keepdims=True), chosen, axis=1)
        return gradients.reshape(values.shape)

    @property
    def _width(self) -> int:
        """The number of pooled values."""
        channels = self.network.shapes[MAPS][2] or 0
        return channels if self.pooling == "max" else len(self._windows) * channels

    @cached_property
    def _windows(self) -> Values:
        """The share of each position in each pooled value: float32, (parts, rows, columns)."""
        rows, columns, _ = self.network.shapes[MAPS]
        assert rows
        assert columns
        if self.pooling == "flatten":
            return np.eye(rows * columns, dtype=np.float32).reshape(-1, rows, columns)
        parts = 1 if self.pooling == "average" else 2
        vertical, horizontal = _shares(rows, parts), _shares(columns, parts)
        windows = np.einsum("py,qx->pqyx", vertical, horizontal)
        return np.asarray(windows.reshape(-1, rows, columns))


def _shares(side: int, parts: int) -> Values:
    """Return the share of each position in each part; halves overlap for odd sides."""
    length = side if parts == 1 else side - side // 2
    starts = range(0, side - length + 1, max(1, side // 2))
    shares = np.zeros((len(starts), side), np.float32)
    for row, start in zip(shares, starts, strict=True):
        row[start : start + length] = 1 / length
    return shares
