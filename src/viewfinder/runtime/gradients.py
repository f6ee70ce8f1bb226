"""Gradients on each backend: Keras has no function for them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.runtime.backend import use_backend

Values = NDArray[np.float32]


def gradient(function: Callable[[Any], Any], at: Values) -> Values:
    """Return the gradient of the sum of a function's results.

    Args:
        function: From a tensor of the backend to a tensor, by operations of Keras.
        at: The values at which the gradient is taken, float32.

    Returns:
        float32 of the shape of `at`; 0 where the function does not depend on a value.
    """
    at = np.asarray(at, np.float32)
    match use_backend():
        case "tensorflow":
            found = _tensorflow(function, at)
        case "jax":
            import jax

            found = jax.grad(lambda values: function(values).sum())(jax.numpy.asarray(at))
        case _:
            found = _torch(function, at)
    return np.asarray(found, np.float32)


def _tensorflow(function: Callable[[Any], Any], at: Values) -> Any:
    import tensorflow as tf

    values = tf.convert_to_tensor(at)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        total = tf.reduce_sum(function(values))
    return tape.gradient(total, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _torch(function: Callable[[Any], Any], at: Values) -> Any:
    import keras
    import torch

    values = keras.ops.convert_to_tensor(at).requires_grad_()
    total = function(values).sum()
    if not total.requires_grad:
        return np.zeros_like(at)
    (found,) = torch.autograd.grad(total, values, allow_unused=True)
    return np.zeros_like(at) if found is None else found.cpu()
