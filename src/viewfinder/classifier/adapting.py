"""Networks of others as ours: from pixels of 0 to 255 to probabilities."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.classifier.networks import compiled
from viewfinder.core.errors import DataError, UsageError
from viewfinder.pictures.scaling import Scaling
from viewfinder.runtime.onnx import OnnxModel

if TYPE_CHECKING:
    import keras

_ACTIVATIONS = ("softmax", "sigmoid", "linear")
# Pictures of noise on which the outputs of an ONNX file are recognised, and the largest difference
# of a sum of probabilities from 1.
_PROBES, _CLOSE = 16, 1e-3


class OnnxNetwork(OnnxModel):
    """An ONNX file of others.

    Attributes:
        activation: What its outputs are: "softmax", "sigmoid", or "linear" for logits.
        scaling: The scaling of pixels before it.
    """

    activation = "softmax"
    scaling = Scaling()

    def adapt(self, scaling: Scaling, shape: tuple[int, int, int]) -> str:
        """State the scaling before the network; return what its outputs are, as noise shows.

        Outputs below 0 or above 1 are logits; several with a sum of 1 are a softmax, others
        sigmoids.

        Raises:
            UsageError: The network takes integers, which no other scaling than 0-255 gives.
            DataError: It cannot be run within the limits.
        """
        if self.dtype == np.uint8 and scaling != Scaling():
            raise UsageError(
                "`preprocessing`: this network takes pixels as integers.",
                expected="0-255",
                received="a scaling to numbers between them",
            )
        self.prove(shape)
        self.scaling = scaling
        noise = np.random.default_rng(0).integers(0, 256, (_PROBES, *shape), np.uint8)
        ramp = np.linspace(0, 1, _PROBES)[:, None, None, None]  # from black to noise
        rows = self._scores((noise * ramp).astype(np.uint8))
        if rows.min() < 0 or rows.max() > 1:
            self.activation = "linear"
        elif rows.shape[1] == 1 or np.abs(rows.sum(axis=1) - 1).max() > _CLOSE:
            self.activation = "sigmoid"
        return self.activation

    def _scores(self, images: NDArray[Any]) -> NDArray[np.float32]:
        return super().__call__(self.scaling(images))

    @override
    def __call__(self, images: NDArray[Any]) -> NDArray[np.float32]:
        rows = self._scores(images)
        if self.activation != "linear":
            return rows
        if rows.shape[1] == 1:
            return np.asarray(1 / (1 + np.exp(-rows)), np.float32)
        powers = np.exp(rows - rows.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def scales_itself(network: Any) -> bool:
    """Whether a model of Keras begins with the scaling of pixels."""
    import keras

    if isinstance(network, OnnxModel):
        return False
    for layer in _leaves(network):
        if not isinstance(layer, keras.layers.InputLayer):
            return isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization)
    return False


def last_activation(network: Any) -> str:
    """Return softmax, sigmoid or linear: the activation of the last layer that computes."""
    import keras

    passive = keras.layers.Reshape, keras.layers.Flatten, keras.layers.Dropout
    last: Any = [layer for layer in _leaves(network) if not isinstance(layer, passive)][-1]
    if isinstance(last, keras.layers.Softmax):
        return "softmax"
    activation = getattr(last, "activation", keras.activations.linear)
    name = getattr(activation, "__name__", str(activation))
    if name not in _ACTIVATIONS:
        raise DataError(
            f"The outputs of {network.name} are no probabilities.",
            expected="a last layer with softmax or sigmoid, or without activation",
            received=f"{last.name} with {name}",
        )
    return name


def _leaves(network: Any) -> list[Any]:
    leaves = []
    for layer in network.layers:
        leaves += _leaves(layer) if getattr(layer, "layers", None) else [layer]
    return leaves


def on_pixels(
    model: "keras.Model", shape: tuple[int, int, int], scaling: Scaling, activation: str
) -> "keras.Model":
    """Return a model from pixels of 0 to 255 to probabilities, compiled."""
    import keras
    from keras import layers

    outputs = model.output_shape[-1]
    inputs = values = keras.Input(shape)
    if scaling != Scaling():
        scale, offset = list(scaling.scale), list(scaling.offset)
        values = layers.Rescaling(scale, offset=offset, name="scaling")(values)
    if scaling.is_bgr:
        values = keras.ops.take(values, [2, 1, 0], axis=-1)
    if len(model.input_shape) != 4:
        values = layers.Reshape(model.input_shape[1:])(values)
    values = model(values)
    if activation == "linear":
        values = layers.Activation("sigmoid" if outputs == 1 else "softmax")(values)
    return compiled(keras.Model(inputs, values, name=f"{model.name}_on_pixels"))
