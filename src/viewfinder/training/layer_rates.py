"""Learning rates of their own for some weights, whatever the optimizer and the backend."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras


def set_rates(optimizer: keras.optimizers.Optimizer, shares: Mapping[str, float]) -> None:
    """Let an optimizer take smaller steps for some weights.

    Its class stays Keras's own, so that a model saved with it loads anywhere.

    Args:
        optimizer: It is changed. Backends' own ways to update all weights in one step are left.
        shares: By a variable's path, the share of the learning rate that it gets; 1 for others.
    """
    step = type(optimizer).update_step

    def update_step(gradient: Any, variable: Any, learning_rate: Any) -> None:
        # TensorFlow gives its own variables here, which know nothing of layers.
        known = optimizer._trainable_variables[optimizer._get_variable_index(variable)]
        step(optimizer, gradient, variable, learning_rate * shares.get(known.path, 1.0))

    def update_each(gradients: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> None:
        for gradient, variable in zip(gradients, variables, strict=True):
            update_step(gradient, variable, learning_rate)

    optimizer.update_step = update_step
    # On PyTorch this one updates all weights in a single call, at one learning rate.
    if keras.backend.backend() == "torch":
        optimizer._backend_update_step = update_each
