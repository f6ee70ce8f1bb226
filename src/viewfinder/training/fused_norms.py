"""Batch norm as one operation, where Keras on TensorFlow takes a dozen over the whole map."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
from keras import layers

from viewfinder.models.nested import all_layers


@contextmanager
def fused_norms(model: keras.Model) -> Iterator[None]:
    """Within, the batch norms of maps train as TensorFlow's fused operation; afterwards as before.

    Outputs, gradients and moving statistics are Keras's own within rounding. On a CPU Keras's many
    passes over each map are a good part of a residual network's training step, and in mixed
    precision they turn it into float32 and back (`benchmarks/steps.py`). Norms that do not learn,
    and inference, stay with Keras. On other backends nothing changes; JAX compiles the passes
    together by itself.

    Args:
        model: Built. What is traced or saved within is a plain Keras model like any other.
    """
    norms = [layer for layer in all_layers(model) if _has_fused_form(layer)]
    for norm in norms:
        norm.call = partial(_fused, norm)
    try:
        yield
    finally:
        for norm in norms:
            del norm.call  # the class's own comes to light again


def _has_fused_form(layer: keras.Layer) -> bool:
    return (
        keras.backend.backend() == "tensorflow"
        and type(layer) is layers.BatchNormalization
        and layer.input_spec is not None  # built
        and layer.input_spec.ndim == 4
        and layer.axis in (-1, 3)
        and layer.scale
        and layer.center
        and not layer.renorm
        and not layer.synchronized
    )


def _fused(
    norm: layers.BatchNormalization, inputs: Any, training: bool | None = None, mask: Any = None
) -> Any:
    """What the norm's own `call` does, in training by one operation.

    Args:
        norm: Of a map.
        inputs: Shape (n, height, width, channels), of any float dtype.
        training: Whether the batch's own statistics are to be used.
        mask: What of the map counts; such a map is left to Keras.
    """
    if not (training and norm.trainable) or mask is not None:
        return type(norm).call(norm, inputs, training=training, mask=mask)
    import tensorflow as tf

    outputs, mean, unbiased, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=tf.cast(norm.gamma, tf.float32),
        offset=tf.cast(norm.beta, tf.float32),
        mean=[],
        variance=[],
        epsilon=norm.epsilon,
    )
    # TensorFlow divides by n - 1 for the moving variance, Keras by n.
    values = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], tf.float32)
    variance = unbiased * (values - 1.0) / values
    for moving, batch in ((norm.moving_mean, mean), (norm.moving_variance, variance)):
        moving.assign(moving * norm.momentum + batch * (1.0 - norm.momentum))
    return outputs
