"""How a model's units answer to some pictures: which never fire, and how large activations get."""

import keras
import numpy as np
from numpy.typing import NDArray

from viewfinder.evaluation.doctor.case import LayerHealth

_AT_ONCE = 32


def unit_health(model: keras.Model, images: NDArray[np.uint8]) -> list[LayerHealth]:
    """Pass pictures through a model and look at its layers with weights or a ReLU.

    Frozen layers are passed over: no training has changed them. Of a model inside the model only
    the output is seen.

    Args:
        model: A functional or sequential model.
        images: uint8, shape (n, height, width, channels), as its preprocessing makes them.
    """
    layers = [
        layer for layer in model.layers if layer.trainable and (layer.weights or _is_relu(layer))
    ]
    if not layers:
        return []
    probe = keras.Model(model.inputs, [layer.output for layer in layers])
    highest: list[list[NDArray[np.float64]]] = [[] for _ in layers]
    for start in range(0, len(images), _AT_ONCE):
        outputs = probe.predict_on_batch(images[start : start + _AT_ONCE])
        for seen, output in zip(highest, _listed(outputs), strict=True):
            values = np.abs(np.asarray(output, np.float64))
            seen.append(values.reshape(-1, values.shape[-1]).max(axis=0))
    return [
        _health(layer, np.max(seen, axis=0)) for layer, seen in zip(layers, highest, strict=True)
    ]


def _health(layer: keras.Layer, highest: NDArray[np.float64]) -> LayerHealth:
    """From the largest absolute activation of each unit."""
    relu = _is_relu(layer)
    # A ReLU may turn what is no number into zero, so that it shows in the weights only.
    checked = [highest, *layer.get_weights()]
    is_finite = all(np.isfinite(values).all() for values in checked)
    return {
        "layer": layer.name,
        "units": len(highest),
        "relu": relu,
        "dead": int((highest == 0).sum()) if relu else 0,
        "largest": float(highest.max()) if is_finite else None,
    }


def _is_relu(layer: keras.Layer) -> bool:
    """Whether a layer ends in a function that is zero for all that is negative."""
    if isinstance(layer, keras.layers.ReLU):
        return not layer.negative_slope
    activation = getattr(layer, "activation", None)
    return getattr(activation, "__name__", "") in ("relu", "relu6")


def _listed(outputs: object) -> list[object]:
    """A probe of one layer gives its output alone."""
    return outputs if isinstance(outputs, list) else [outputs]
