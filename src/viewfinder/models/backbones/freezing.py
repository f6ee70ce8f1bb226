"""Layers that hold still: their weights do not train, and they do as in inference.

In Keras a frozen batch norm uses the statistics it has and leaves them alone, whatever `training`
says. `training=False` given when the layer is called does not: `fit` writes over it (Keras 3.15).
Dropout knows nothing of being frozen, so its rate becomes 0.
"""

from collections.abc import Iterator

import keras
from keras import layers

# Each library has a class of its own, and its own word for the rate.
_STOCHASTIC_DEPTH = ("StochasticDepth", "DropPath")
_RATES = ("rate", "drop_path_rate", "drop_prob")


def freeze(network: keras.Model) -> keras.Model:
    """Freeze all layers; dropout inside is switched off for good."""
    for layer in every_layer(network):
        layer.trainable = False
        if isinstance(layer, layers.Dropout) or type(layer).__name__ in _STOCHASTIC_DEPTH:
            for rate in _RATES:
                if hasattr(layer, rate):
                    setattr(layer, rate, 0.0)
    return network


def unfreeze(layer: keras.Layer) -> None:
    """Let a layer train, unless it is a batch norm: its statistics stay those of ImageNet."""
    for one in every_layer(layer):
        if not isinstance(one, layers.BatchNormalization):
            one.trainable = True


def can_train(layer: keras.Layer) -> bool:
    """Whether `unfreeze` would let any of its weights train."""
    return any(
        one._trainable_variables and not isinstance(one, layers.BatchNormalization)
        for one in every_layer(layer)
    )


def every_layer(layer: keras.Layer) -> Iterator[keras.Layer]:
    """The layer and all layers inside it."""
    yield from layer._flatten_layers()
