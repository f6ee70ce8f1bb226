"""Operations on layers: freeze, unfreeze, cut, scale pixels.

A frozen batch norm of Keras uses its statistics and does not update them, for any value of
`training`. Calling the layer with `training=False` is not enough, because `fit` overrides it (Keras
3.15). Freezing does not affect dropout, so its rate is set to 0.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import keras
from keras import layers, ops

from viewfinder.core.errors import UsageError, nearest
from viewfinder.pictures.scaling import SCALINGS, ScalingName

# Libraries have classes of their own, and different names for the rate.
_STOCHASTIC_DEPTH = ("StochasticDepth", "DropPath")
_RATES = ("rate", "drop_path_rate", "drop_prob")


def freeze(network: keras.Model) -> keras.Model:
    """Freeze all layers, and set the rate of dropout to 0."""
    for layer in every_layer(network):
        layer.trainable = False
        if isinstance(layer, layers.Dropout) or type(layer).__name__ in _STOCHASTIC_DEPTH:
            for rate in _RATES:
                if hasattr(layer, rate):
                    setattr(layer, rate, 0.0)
    return network


def unfreeze(layer: keras.Layer) -> None:
    """Let a layer train, except for batch norms, which keep their pretrained statistics."""
    for inner in every_layer(layer):
        if not isinstance(inner, layers.BatchNormalization):
            inner.trainable = True


def can_train(layer: keras.Layer) -> bool:
    """Whether `unfreeze` makes any of a layer's weights trainable."""
    return any(
        inner._trainable_variables and not isinstance(inner, layers.BatchNormalization)
        for inner in every_layer(layer)
    )


def every_layer(layer: keras.Layer) -> Iterator[keras.Layer]:
    """Yield the layer and all layers inside it."""
    yield from layer._flatten_layers()


def cut_at(network: keras.Model, cut: str | None, name: str | None = None) -> keras.Model:
    """Return the network up to a layer.

    Args:
        network: A graph of layers.
        cut: The layer's name; None for the whole network.
        name: The network's name in messages; by default its own.

    Raises:
        UsageError: There is no such layer; the message suggests the nearest name and others.
    """
    if cut is None:
        return network
    names = [layer.name for layer in network.layers[1:]]
    if cut not in names:
        raise UsageError(
            f"{name or network.name} has no layer {cut!r}.",
            remedy=_near_layers(cut, names),
        )
    return keras.Model(network.inputs, network.get_layer(cut).output, name=network.name)


def _near_layers(cut: str, names: Sequence[str]) -> str:
    """Suggest the nearest name and those at ends of blocks: a network has hundreds of layers."""
    ends = [name for name in names if name.endswith(("_out", "_add", "_concat", "_relu"))]
    ends = [name for name in names if name.startswith("mixed")] or ends or list(names)
    close = nearest(cut, names).partition(" (known")[0]
    return (f"{close}; " if close.startswith("did") else "") + f"among others: {_few(ends)}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 12 else f"{', '.join(names[-12:])} (the last 12)"


def scaled(pixels: Any, scaling: ScalingName | Literal["inside"]) -> Any:
    """Apply a network's own scaling.

    Args:
        pixels: A Keras tensor, shape (n, height, width, 3), R, G, B from 0 to 255.
        scaling: The kind of scaling.

    Returns:
        A Keras tensor of the same shape, floats.
    """
    if scaling == "inside":
        return pixels
    how = SCALINGS[scaling]
    result = layers.Rescaling(list(how.scale), offset=list(how.offset), name="scale")(pixels)
    return ops.take(result, [2, 1, 0], axis=-1) if how.is_bgr else result


def all_layers(model: Any) -> Iterator[keras.Layer]:
    """Yield every layer of a `keras.Model` in order, and the layers of nested models."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)
