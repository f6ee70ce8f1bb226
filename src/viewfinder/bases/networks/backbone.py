"""A backbone: a network that others have trained, from pixels to a feature map."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np

_HASH_BYTES = 16


@dataclass(frozen=True, eq=False)
class Backbone:
    """A frozen network without its top.

    Attributes:
        name: Its base, with the width where it has one: "MobileNetV2 (alpha 0.35)".
        model: Takes pixels from 0 to 255, shape (n, height, width, channels), uint8 or float,
            and gives the feature map: float32, shape (n, …). Its own scaling is inside. All its
            layers are frozen, so that batch norm and dropout do as in inference.
        preprocessing_words: What its pixels go through first, for people.
        weights: Where its weights are from: a file, "none", or "given".
        cut: The layer whose output is the feature map; None for the last.
    """

    name: str
    model: keras.Model
    preprocessing_words: str
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
        """A hash of all weights up to the cut, the same whichever file they came in."""
        digest = hashlib.blake2b(digest_size=_HASH_BYTES)
        for variable in self.model.weights:
            values = np.ascontiguousarray(keras.ops.convert_to_numpy(variable), np.float32)
            digest.update(repr(values.shape).encode())
            digest.update(values.data)
        return digest.hexdigest()


# A base may have a layer of any name, so the head's say whose they are.
HEAD = "head_"


LAST_LAYER = "probability"
