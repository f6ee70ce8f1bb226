"""A built base: a frozen pretrained network from pixels to a feature map."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np

_HASH_BYTES = 16


@dataclass(frozen=True, eq=False)
class BuiltBase:
    """A frozen network without its top.

    Attributes:
        name: The base, with its width if it can be chosen: "MobileNetV2 (alpha 0.35)".
        model: Maps pixels from 0 to 255, shape (n, height, width, channels), uint8 or float, to the
            feature map, float32, shape (n, …), including the scaling of pixels. All layers are
            frozen, so that batch norm and dropout behave as in inference.
        weights: The origin of the weights: a file, "none", or "given".
        cut: The layer whose output is the feature map; None for the last.
    """

    name: str
    model: keras.Model
    weights: str
    cut: str | None = None

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """The shape of one picture's features: (rows, columns, channels), or fewer axes."""
        return tuple(self.model.output_shape[1:])

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """The shape of a picture: (height, width, channels)."""
        height, width, channels = self.model.input_shape[1:]
        return height, width, channels

    @cached_property
    def weights_hash(self) -> str:
        """A hash of all weights up to the cut, independent of the file format."""
        digest = hashlib.blake2b(digest_size=_HASH_BYTES)
        for variable in self.model.weights:
            values = np.ascontiguousarray(keras.ops.convert_to_numpy(variable), np.float32)
            digest.update(repr(values.shape).encode())
            digest.update(values.data)
        return digest.hexdigest()


# The prefix of the head's layers, because a base may have layers of any name.
HEAD = "head_"


LAST_LAYER = "probability"
