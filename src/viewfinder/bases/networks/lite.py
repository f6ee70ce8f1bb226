"""EfficientNet-Lite0 as a plain `keras.Model`."""

from pathlib import Path
from typing import Any

import keras
from keras import layers

from viewfinder.bases.base import require_fitting
from viewfinder.bases.from_wheel import FromWheel
from viewfinder.bases.lite.plan import MEAN, SCALE, Convolution, layers_up_to
from viewfinder.bases.lite.weights import weights_of
from viewfinder.bases.networks.built import BuiltBase
from viewfinder.bases.networks.layers import freeze


def build_lite(
    base: FromWheel,
    source: Path | None,
    *,
    input_shape: tuple[int, int, int],
    cut: str | None = None,
    seed: int = 0,
) -> BuiltBase:
    """Build the network with its weights and its scaling of pixels, batch norms folded.

    Arguments and errors are those of `build_from`; RecipeError: the pictures do not fit.
    """
    require_fitting(base, input_shape)
    pixels = keras.Input(input_shape, name="pixels")
    outputs = {"pixels": layers.Rescaling(1 / SCALE, offset=-MEAN / SCALE, name="scale")(pixels)}
    weights, last = weights_of(source, seed), "pixels"
    for layer in layers_up_to(cut):
        if isinstance(layer, Convolution):
            convolution = _convolution(layer)
            outputs[layer.name] = convolution(outputs[last])
            kernel, bias = weights[layer.name]
            order = (2, 3, 0, 1) if layer.is_depthwise else (2, 3, 1, 0)
            convolution.set_weights([kernel.transpose(order), bias])
        else:
            both = [outputs[layer.shortcut], outputs[last]]
            outputs[layer.name] = layers.Add(name=layer.name)(both)
        last = layer.name
    return BuiltBase(
        name=base.name,
        model=freeze(keras.Model(pixels, outputs[last], name=base.name)),
        weights="none" if source is None else str(source),
        cut=cut,
    )


def _convolution(layer: Convolution) -> Any:
    filters, _, side, _ = layer.shape
    settings: dict[str, Any] = {
        "strides": layer.stride,
        "padding": "same",
        "activation": "relu6" if layer.is_clipped else None,
        "name": layer.name,
    }
    if layer.is_depthwise:
        return layers.DepthwiseConv2D(side, **settings)
    return layers.Conv2D(filters, side, **settings)
