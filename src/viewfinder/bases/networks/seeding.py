"""Random initial weights that depend on a seed alone."""

from typing import Any

import keras
import numpy as np

from viewfinder.core.randomness import Randomness


def redraw(network: keras.Model, randomness: Randomness) -> None:
    """Draw every random weight of a network again, from a seed per weight.

    Keras draws from a generator of the whole process, so weights depend on networks built before. A
    weight's address is its number in the network, because names contain a counter of the process.
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
    """Return the seed of an address, of 32 bits, or 31 on PyTorch, whose integers are signed."""
    unused_bits = 33 if keras.backend.backend() == "torch" else 32
    bits = randomness.bits(address, epoch=-1, examples=np.zeros(1, np.uint64))
    return int(bits[0, 0] >> np.uint64(unused_bits))


def _initializer(layer: keras.Layer, variable: str) -> Any:
    """Return a weight's random initializer, such as `kernel_initializer` of `kernel`, or None."""
    for name in (variable, variable.removesuffix("_kernel"), "depthwise"):
        initializer = getattr(layer, f"{name}_initializer", None)
        if initializer is not None:
            return initializer if hasattr(initializer, "seed") else None
    return None
