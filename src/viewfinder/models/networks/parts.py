"""The parts of networks, each with a name, a seed, a penalty and a precision."""

from typing import Any

import keras
from keras import layers

from viewfinder.bases.networks.seeding import seed_of
from viewfinder.core.randomness import Randomness
from viewfinder.models.networks.head import NORM_MOMENTUM, last_layer, penalty


class Parts:
    """Layers with unique names and seeds, so that equal recipes give equal models.

    Args:
        randomness: Draws the initial weights of each layer from its name.
        l2: The weight of the squared kernels in the loss.
        dtype: The name of a Keras dtype policy.
    """

    def __init__(self, randomness: Randomness, l2: float = 0.0, dtype: str = "float32") -> None:
        self._randomness = randomness
        self._l2 = l2
        self._dtype = dtype

    def conv(
        self,
        x: Any,
        filters: int,
        name: str,
        *,
        size: int = 3,
        strides: int = 1,
        padding: str = "same",
        norm: bool = True,
        zero: bool = False,
        relu: bool = True,
    ) -> Any:
        """Add a convolution, batch norm and ReLU.

        Args:
            x: A feature map, shape (n, rows, columns, channels).
            filters: The number of filters.
            name: The prefix of the layers' names.
            size: The side of the kernel in pixels.
            strides: The stride in pixels.
            padding: "same" or "valid".
            norm: Whether to add batch norm.
            zero: Whether the norm's scale starts at 0, so that a block starts as its shortcut.
            relu: Whether to add ReLU.
        """
        x = layers.Conv2D(
            filters,
            size,
            strides=strides,
            padding=padding,
            use_bias=not norm,  # the norm that follows has a bias
            kernel_initializer=keras.initializers.HeNormal(self._seed(f"{name}_conv")),
            kernel_regularizer=penalty(self._l2),
            dtype=self._dtype,
            name=f"{name}_conv",
        )(x)
        return self.normed(x, name, norm=norm, zero=zero, relu=relu)

    def normed(
        self, x: Any, name: str, *, norm: bool = True, zero: bool = False, relu: bool = True
    ) -> Any:
        """Add batch norm and ReLU, or one of them."""
        if norm:
            x = layers.BatchNormalization(
                momentum=NORM_MOMENTUM,
                gamma_initializer="zeros" if zero else "ones",
                dtype=self._dtype,
                name=f"{name}_norm",
            )(x)
        return self.layer(layers.Activation, "relu", name=f"{name}_relu")(x) if relu else x

    def course_conv(self, x: Any, filters: int, name: str, *, norm: bool) -> Any:
        """Add the course's 3 × 3 convolution: without padding, and with ReLU inside the layer."""
        if norm:
            return self.conv(x, filters, name, padding="valid")
        return layers.Conv2D(
            filters,
            3,
            activation="relu",
            kernel_initializer=self._glorot(name),
            kernel_regularizer=penalty(self._l2),
            dtype=self._dtype,
            name=name,
        )(x)

    def dense(self, x: Any, units: int, name: str, *, norm: bool = False) -> Any:
        """Add a dense layer with ReLU."""
        x = layers.Dense(
            units,
            activation=None if norm else "relu",
            use_bias=not norm,
            kernel_initializer=self._glorot(name),
            kernel_regularizer=penalty(self._l2),
            dtype=self._dtype,
            name=name,
        )(x)
        return self.normed(x, name) if norm else x

    def dropout(self, x: Any, rate: float) -> Any:
        """Add dropout, or nothing for a rate of 0."""
        if not rate:
            return x
        return self.layer(layers.Dropout, rate, seed=self._seed("dropout"), name="dropout")(x)

    def probability(self, x: Any, classes: int) -> Any:
        """Add the last layer: one sigmoid for two classes, a softmax for more; in float32."""
        return last_layer(x, classes, self._randomness, self._l2)

    def layer(self, kind: Any, *settings: Any, **named: Any) -> Any:
        """Return any other layer, in this precision."""
        return kind(*settings, dtype=self._dtype, **named)

    def _glorot(self, layer: str) -> Any:
        return keras.initializers.GlorotUniform(self._seed(layer))

    def _seed(self, layer: str) -> int:
        """Return the seed of a layer, 32 bits, unique to the layer's name and the recipe's seed."""
        return seed_of(self._randomness, layer)
