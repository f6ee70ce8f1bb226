"""The layers of a model that has models inside."""

from collections.abc import Iterator
from typing import Any

import keras


def all_layers(model: Any) -> Iterator[keras.Layer]:
    """Every layer in order; each model inside, and then its own.

    Args:
        model: A `keras.Model`.
    """
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)
