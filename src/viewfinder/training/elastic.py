"""A model of one picture size, as a model of any: what is needed to train in stages."""

from collections.abc import Iterable

import keras
import numpy as np

from viewfinder.errors import RecipeError
from viewfinder.stages import Size


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
