"""Trained in half precision, judged and saved in float32."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from viewfinder.bases.networks.layers import all_layers
from viewfinder.core.errors import RecipeError
from viewfinder.recipe.stages import Size

Logs = dict[str, float]


@contextmanager
def in_float32(model: keras.Model) -> Iterator[None]:
    """Within, layers that compute in mixed precision compute in float32, and say so where saved.

    Their weights are float32 in any case.
    """
    policies = [
        (layer, layer.dtype_policy)
        for layer in all_layers(model)
        if layer.dtype_policy.name in ("mixed_bfloat16", "mixed_float16")
    ]
    try:
        for layer, _ in policies:
            layer.dtype_policy = "float32"
        yield
    finally:
        for layer, policy in policies:
            layer.dtype_policy = policy


class JudgedInFloat32(keras.callbacks.Callback):
    """Validates as the model that is kept will answer, so that both come to the same figures.

    A backend compiles the step of a validation in its first batch, and so in float32. To stand
    behind the averaged weights, whose norms are measured as fast as the model trains, and before
    other callbacks that ask the model when a validation begins.
    """

    def __init__(self) -> None:
        super().__init__()
        self._judging = ExitStack()

    def on_test_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """From now on in float32."""
        self._judging.enter_context(in_float32(self.model))

    def on_test_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Train as before."""
        self._judging.close()

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """The same where a validation was broken off."""
        self._judging.close()


def elastic(model: keras.Model, sizes: Iterable[Size]) -> keras.Model:
    """The same layers, weights and optimizer over an input of free height and width.

    Args:
        model: Compiled.
        sizes: Each (height, width) at which it is to be trained.

    Raises:
        RecipeError: Its weights do not fit one of these sizes.
    """
    try:
        for size in sorted(set(sizes)):
            _over(model, size)  # a free size alone is not checked against the weights
        free = _over(model, (None, None))
    except (ValueError, TypeError) as error:
        raise RecipeError(
            "The network does not take the sizes of the stages.",
            expected="global pooling before the dense layers, and pictures that are large enough",
            received=" and ".join(f"{height} × {width}" for height, width in sorted(set(sizes))),
            remedy="training.stages=[], or another model",
        ) from error
    config = model.get_compile_config()
    free.compile(
        optimizer=model.optimizer,
        loss=model.loss,
        metrics=[keras.saving.deserialize_keras_object(one) for one in config["metrics"] or ()],
        jit_compile=config["jit_compile"],
        run_eagerly=config["run_eagerly"],
    )
    return free


def _over(model: keras.Model, size: tuple[int | None, int | None]) -> keras.Model:
    """The same layers over an input of this (height, width)."""
    name, channels = model.inputs[0].name, model.inputs[0].shape[-1]
    return keras.models.clone_model(
        # Of a compiled model, the clone would be compiled anew, from settings that Keras reads only
        # where it knows every class in them.
        keras.Model(model.input, model.output, name=model.name),
        input_tensors=keras.Input((*size, channels), name=name),
        clone_function=lambda layer: layer,
    )


def build_all(model: keras.Model) -> None:
    """Make every variable now: some are otherwise made in the first step, too late to be restored.

    Args:
        model: Compiled; it gives probabilities, and its loss and metrics take labels as integers.
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    answer = keras.ops.convert_to_tensor(np.full((1, *model.output_shape[1:]), 0.5, "float32"))
    label = keras.ops.convert_to_tensor(np.zeros(1, np.int64))
    model.compute_loss(y=label, y_pred=answer)
    model.compute_metrics(None, label, answer)
    model.reset_metrics()


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
