"""Copies of a model for pictures of a given shape."""

from typing import Any

import keras

from viewfinder.bases.networks.built import HEAD, LAST_LAYER
from viewfinder.bases.networks.layers import every_layer
from viewfinder.core.errors import UsageError
from viewfinder.runtime.features import is_graph

Shape = tuple[int, int, int]


def copied(
    model: keras.Model, input_shape: Shape | None, scaling: keras.Layer | None = None
) -> keras.Model:
    """Copy a model's layers and weights into a flat model for pictures of this shape.

    Args:
        model: A graph of layers, with one input and one output.
        input_shape: (height, width, channels) in pixels; None where the model fixes it.
        scaling: A layer between the pixels and the copy.

    Raises:
        UsageError: The model takes other pictures, or has several inputs or outputs.
        Exception: Any exception of a layer that cannot be made from its configuration.
    """
    pixels = keras.Input(fitting_shape(model, input_shape), name="pixels")
    scaled = pixels if scaling is None else scaling(pixels)

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        # Keras copies a graph onto inputs only, so uses of the pixels are replaced here.
        args, kwargs = keras.tree.map_structure(
            lambda value: scaled if value is pixels else value, (args, kwargs)
        )
        return operation(*args, **kwargs)

    graph = model
    if isinstance(model, keras.Sequential):
        graph = keras.Model(model.inputs[0], model.outputs[0])
    inputs = keras.tree.map_structure(lambda _: pixels, graph.input)
    copy = keras.models.clone_model(
        graph, input_tensors=inputs, clone_function=_another, call_function=call
    )
    copy.set_weights(graph.get_weights())
    for layer in every_layer(copy):
        if isinstance(layer, keras.layers.Normalization):  # it computes with a copy of its weights
            layer.finalize_state()
    return keras.Model(pixels, copy.outputs[0], name=model.name)


def as_one_layer(
    model: keras.Model, input_shape: Shape, scaling: keras.Layer | None = None
) -> keras.Model:
    """Return a model with the given one as a single layer over pixels of this shape."""
    pixels = keras.Input(input_shape, name="pixels")
    scaled = pixels if scaling is None else scaling(pixels)
    if is_graph(model):
        scaled = keras.tree.map_structure(lambda _: scaled, model.input)
    return keras.Model(pixels, model(scaled), name=f"over_{model.name}")


def fitting_shape(model: keras.Model, input_shape: Shape | None) -> Shape:
    """Return the requested shape of pictures, if the model takes it.

    Raises:
        UsageError: The model takes other pictures, or has several inputs or outputs.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UsageError(
            f"{model.name} cannot be a base.",
            expected="a model with one input and one output",
            received=f"{len(model.inputs)} inputs and {len(model.outputs)} outputs",
        )
    taken = tuple(model.inputs[0].shape[1:])
    shape = input_shape or taken
    fits = len(taken) == len(shape) and all(
        side in (None, given) for side, given in zip(taken, shape, strict=True)
    )
    if not fits or None in shape:
        raise UsageError(
            f"{model.name} takes other pictures.",
            expected=f"input_shape (height, width, channels) that fits {taken}",
            received=str(input_shape),
        )
    return shape


def _another(operation: Any) -> Any:
    """Copy a layer by its configuration, renamed where the name belongs to the head."""
    config = operation.get_config()
    if operation.name.startswith(HEAD) or operation.name == LAST_LAYER:
        config["name"] = f"own_{operation.name}"
    return type(operation).from_config(config)
