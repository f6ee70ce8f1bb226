"""First weights that depend on a seed alone, for networks that others have put together."""

from typing import Any

import keras
import numpy as np

from viewfinder.core.randomness import Randomness


def redraw(network: keras.Model, randomness: Randomness) -> None:
    """Draw every random weight of a network again, each from an address of its own.

    Keras draws them from a generator of the whole process, so that they depend on what was built
    before. A weight's address is its number, because layers are named by such a counter too.
    """
    number = 0
    for layer in network._flatten_layers(include_self=False):
        for variable in layer._trainable_variables:
            number += 1
            initializer = _initializer(layer, variable.name)
            if initializer is not None:
                config = {**initializer.get_config(), "seed": seed_of(randomness, str(number))}
                drawn = type(initializer).from_config(config)(variable.shape, variable.dtype)
                variable.assign(drawn)


def seed_of(randomness: Randomness, address: str) -> int:
    """A seed of 32 bits that no other address has; of 31 on PyTorch, whose numbers have a sign."""
    one = np.zeros(1, np.uint64)
    spare = 33 if keras.backend.backend() == "torch" else 32
    return int(randomness.bits(address, epoch=-1, examples=one)[0, 0] >> np.uint64(spare))


def _initializer(layer: keras.Layer, variable: str) -> Any:
    """What drew a layer's weight, if it is random: `kernel_initializer` for `kernel`, and so on."""
    for name in (variable, variable.removesuffix("_kernel"), "depthwise"):
        initializer = getattr(layer, f"{name}_initializer", None)
        if initializer is not None:
            return initializer if hasattr(initializer, "seed") else None
    return None
