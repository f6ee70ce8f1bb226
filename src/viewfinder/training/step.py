"""What a model needs before and around its training step.

`elastic` frees the input size for training in stages, `build_all` creates every variable so that a
checkpoint can restore it, `fused_norms` makes batch norm fast on TensorFlow, and `in_float32` and
`EvaluatedInFloat32` evaluate and save in float32 a model that trains in half precision.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers
from typing_extensions import override

from viewfinder.bases.networks.layers import all_layers
from viewfinder.core.errors import RecipeError
from viewfinder.recipe.stages import Size
from viewfinder.training.adapters import Logs


def elastic(model: keras.Model, sizes: Iterable[Size]) -> keras.Model:
    """Return a compiled model with the same layers, weights and optimizer for any input size.

    Args:
        model: Compiled.
        sizes: Each (height, width) of the training pictures.

    Raises:
        RecipeError: The model's weights do not fit one of these sizes.
    """
    distinct = sorted(set(sizes))
    try:
        for size in distinct:
            _with_input_size(model, size)  # Keras does not check weights against a free size
        free = _with_input_size(model, (None, None))
    except (ValueError, TypeError) as error:
        raise RecipeError(
            "The network does not take the sizes of the stages.",
            expected="global pooling before the dense layers, and pictures that are large enough",
            received=" and ".join(f"{height} × {width}" for height, width in distinct),
            remedy="training.stages=[], or another model",
        ) from error
    config = model.get_compile_config()
    metrics = config["metrics"] or ()
    free.compile(
        optimizer=model.optimizer,
        loss=model.loss,
        metrics=[keras.saving.deserialize_keras_object(metric) for metric in metrics],
        jit_compile=config["jit_compile"],
        run_eagerly=config["run_eagerly"],
    )
    return free


def _with_input_size(model: keras.Model, size: tuple[int | None, int | None]) -> keras.Model:
    """Return a model that shares the layers and takes inputs of this (height, width)."""
    name, channels = model.inputs[0].name, model.inputs[0].shape[-1]
    return keras.models.clone_model(
        # The wrapper is not compiled. Keras would compile the clone of a compiled model from its
        # configuration, and fail where that names a class unknown to Keras.
        keras.Model(model.input, model.output, name=model.name),
        input_tensors=keras.Input((*size, channels), name=name),
        clone_function=lambda layer: layer,
    )


def build_all(model: keras.Model) -> None:
    """Create the variables of optimizer, loss and metrics.

    Keras creates some of them in the first step, too late for a checkpoint to restore them.

    Args:
        model: Compiled, with probabilities as outputs, and a loss and metrics for integer labels.
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    outputs = keras.ops.convert_to_tensor(np.full((1, *model.output_shape[1:]), 0.5, "float32"))
    label = keras.ops.convert_to_tensor(np.zeros(1, np.int64))
    model.compute_loss(y=label, y_pred=outputs)
    model.compute_metrics(None, label, outputs)
    model.reset_metrics()


@contextmanager
def fused_norms(model: keras.Model) -> Iterator[None]:
    """Train the batch norms of feature maps with TensorFlow's fused operation inside the block.

    Outputs, gradients and moving statistics equal Keras's within rounding. On a CPU, Keras's
    several passes over each feature map take a good part of a residual network's training step,
    and in mixed precision each pass casts to float32 and back (`benchmarks/steps.py`). Frozen
    norms and inference use Keras's own code. On other backends nothing changes; JAX fuses the
    passes by itself.

    Args:
        model: Built. A model saved inside the block is a plain Keras model.
    """
    norms = [layer for layer in all_layers(model) if _has_fused_form(layer)]
    for norm in norms:
        norm.call = partial(_fused, norm)
    try:
        yield
    finally:
        for norm in norms:
            del norm.call  # uncovers the method of the class


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
    """Replace the norm's `call`: one operation in training, Keras's own code otherwise.

    Args:
        norm: Normalizes feature maps.
        inputs: Shape (n, height, width, channels), of any float dtype.
        training: Whether to normalize by the batch's own statistics.
        mask: Which positions count; Keras's own code handles a mask.
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


@contextmanager
def in_float32(model: keras.Model) -> Iterator[None]:
    """Give mixed-precision layers the policy "float32" inside the block, also where saved.

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


class EvaluatedInFloat32(keras.callbacks.Callback):
    """Validates in float32, so that validation and the saved model give the same metrics.

    A backend compiles the validation step in its first batch, and so in float32. List this
    callback after `AveragedWeights`, which measures batch norms in the training's own precision,
    and before callbacks that call the model in `on_test_begin`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._evaluation = ExitStack()

    @override
    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._evaluation.enter_context(in_float32(self.model))

    @override
    def on_test_end(self, logs: Logs | None = None) -> None:
        self._evaluation.close()

    @override
    def on_train_end(self, logs: Logs | None = None) -> None:
        self._evaluation.close()
