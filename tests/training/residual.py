"""A tiny base with residual blocks, and pictures and a recipe to fine-tune it with."""

import keras
import numpy as np
from keras import layers

from viewfinder.augment.batches import Batches
from viewfinder.core.randomness import ids
from viewfinder.recipe import Recipe

SHAPE = (8, 8, 3)
COUNT = 40


class Pixels:
    """Dark pictures and light pictures, of two classes."""

    shape = SHAPE
    dropped: dict = {}  # noqa: RUF012

    def __init__(self) -> None:
        levels = np.random.default_rng(0).integers(0, 100, (COUNT, *SHAPE), dtype=np.uint8)
        self.pixels = levels + (np.arange(COUNT, dtype=np.uint8) % 2 * 60)[:, None, None, None]

    def __len__(self) -> int:
        return COUNT

    def read(self, positions):
        return self.pixels[positions], np.ones(len(positions), bool)


def residual_base() -> keras.Model:
    """Return two residual blocks with batch norm and a layer above, with constant weights."""

    def conv(filters: int, side: int, name: str) -> layers.Layer:
        drawn = keras.initializers.GlorotUniform(seed=len(name))
        return layers.Conv2D(filters, side, padding="same", kernel_initializer=drawn, name=name)

    inputs = keras.Input(SHAPE, name="pixels")
    x = conv(4, 3, "stem")(layers.Rescaling(1 / 255)(inputs))
    for block in (1, 2):
        y = conv(4, 3, f"block_{block}_conv")(x)
        y = layers.BatchNormalization(name=f"block_{block}_norm")(y)
        x = layers.Add(name=f"block_{block}_add")([x, layers.ReLU(name=f"block_{block}_relu")(y)])
    x = conv(6, 1, "top_conv")(x)
    return keras.Model(inputs, x, name="residual")


def recipe(**fine_tuning) -> Recipe:
    return Recipe().changed(
        {
            "model": {"kind": "transfer", "base": "MobileNet", "alpha": 0.25, "weights": "none"},
            "input.size": [32, 32],
            "training": {"epochs": 2, "batch_size": 8, "optimizer": "sgd"},
            "training.optimizer.learning_rate": 0.1,
            "training.fine_tune": {"epochs": 2, **fine_tuning},
        }
    )


def batches(**options) -> Batches:
    labels = np.arange(COUNT) % 2
    return Batches(Pixels(), labels, ids(map(str, range(COUNT))), batch_size=8, **options)
