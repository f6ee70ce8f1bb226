"""What batch norms see of pictures: measured anew when other weights take the place of theirs."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from viewfinder.models.nested import all_layers


class NormStatistics:
    """Measures the means and variances of a model's batch norms.

    The model is asked as one compiled function, which is kept: layer by layer, a measurement took
    a fifth of a short epoch.

    Args:
        model: Built. Norms that are frozen keep what they came with.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._norms = [
            layer
            for layer in all_layers(model)
            if isinstance(layer, layers.BatchNormalization) and layer.trainable
        ]
        self._after_batch = _compiled(self._forward)

    def measure(self, batches: Iterable[NDArray[np.uint8]]) -> None:
        """Set each norm's mean and variance to their means over these batches.

        Args:
            batches: Pictures, uint8, shape (n, height, width, channels), each. Nothing else in the
                model changes: not even the numbers that its dropout will draw.
        """
        if not self._norms:
            return
        variables = self._model.non_trainable_variables
        of_norms = {id(one) for norm in self._norms for one in norm.non_trainable_variables}
        places = [place for place, one in enumerate(variables) if id(one) in of_norms]
        momenta = [norm.momentum for norm in self._norms]
        sums, count = [np.zeros(variables[place].shape) for place in places], 0
        try:
            for norm in self._norms:
                norm.momentum = 0.0  # after a batch they have its own statistics
            for images in batches:
                after = self._after_batch(
                    [one.value for one in self._model.trainable_variables],
                    [one.value for one in variables],
                    ops.convert_to_tensor(images),
                )
                count += 1
                for total, place in zip(sums, places, strict=True):
                    total += ops.convert_to_numpy(after[place])
        finally:
            for norm, momentum in zip(self._norms, momenta, strict=True):
                norm.momentum = momentum
        for total, place in zip(sums, places, strict=True):
            variables[place].assign(total / count)

    def _forward(self, trainable: list[Any], fixed: list[Any], images: Any) -> list[Any]:
        """What the variables that are not trained would be after a batch."""
        _, after = self._model.stateless_call(trainable, fixed, images, training=True)
        return list(after)


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as one of the backend's; PyTorch has none that is worth its wait."""
    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            return tf.function(function)  # type: ignore[no-any-return]
        case "jax":
            import jax

            return jax.jit(function)  # type: ignore[no-any-return]
    return function
