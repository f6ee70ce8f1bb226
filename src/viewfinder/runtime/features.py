"""The graph of a Keras model, and the features on which it decides: its last feature map."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


def is_graph(model: "keras.Model") -> bool:
    """Whether a model is a graph of layers, which can be cut and copied."""
    import keras

    return hasattr(model, "operations") or isinstance(model, keras.Sequential)


def last_map(model: "keras.Model") -> Any:
    """Return the tensor of a model's last feature map, or of its last sequence.

    Args:
        model: A functional model.

    Returns:
        A tensor (n, rows, columns, channels) or (n, positions, channels), computed by a layer with
        weights or after one; None where there is none.
    """
    connected = [layer for layer in model.layers if hasattr(layer, "output")]
    first = next((at for at, layer in enumerate(connected) if layer.weights), len(connected))
    tensors = [layer.output for layer in connected[first:]]
    maps = [one for one in tensors if len(getattr(one, "shape", ())) > 2]
    return maps[-1] if maps else None


def pooled_features(model: "keras.Model") -> Any:
    """Return the tensor of a model's last feature map averaged over its positions, (n, channels).

    Of a model without maps, such as dense layers on pixels, the input of its last layer.
    """
    from keras import layers

    features = last_map(model)
    if features is None:
        return model.layers[-1].input
    is_map = len(features.shape) == 4
    pooling = layers.GlobalAveragePooling2D if is_map else layers.GlobalAveragePooling1D
    return pooling(dtype="float32", name="features")(features)
