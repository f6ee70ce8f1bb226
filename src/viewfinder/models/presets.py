"""The networks of the recipes, each a plain functional `keras.Model`.

All of them take pixels from 0 to 255 (uint8 or float), scale them inside, and end in what the
classes ask for: one sigmoid for two classes, a softmax for more.
"""

from itertools import count
from typing import Any

import keras
from keras import layers

from viewfinder.errors import RecipeError
from viewfinder.models.head import last_layer, model_name
from viewfinder.models.seeding import seed_of
from viewfinder.randomness import Randomness
from viewfinder.recipe import Compact, ConvStack, Recipe

# Stages of the compact network end once the shorter side is below this many pixels.
_SMALLEST_MAP = 6
_MOST_TIMES_WIDTH = 8

# Keras's 0.99 needs hundreds of steps before the averages fit; small datasets have a few dozen.
_NORM_MOMENTUM = 0.9


def build_preset(recipe: Recipe, classes: int) -> keras.Model:
    """The network of a recipe without a base, not compiled, its weights drawn from the seed.

    Args:
        recipe: A settled recipe.
        classes: How many classes there are, at least 2.

    Raises:
        RecipeError: The pictures are too small for the network.
    """
    build = _Build(Randomness(recipe.seed))
    inputs = keras.Input(recipe.preprocessing.shape, name="pixels")
    x = layers.Rescaling(1 / 255, name="scale")(inputs)
    match recipe.model:
        case ConvStack():
            x = build.conv_stack(x, recipe.model)
        case Compact():
            x = build.compact(x, recipe.model)
    outputs = last_layer(x, classes, build.randomness)
    return keras.Model(inputs, outputs, name=model_name(recipe.name))


class _Build:
    """Layers with names and seeds of their own: equal recipes give equal models, always."""

    def __init__(self, randomness: Randomness) -> None:
        self.randomness = randomness

    def conv_stack(self, x: Any, settings: ConvStack) -> Any:
        """Convolutions with pooling, then dense layers: the course's shape."""
        for number, filters in enumerate(settings.filters, start=1):
            if min(x.shape[1:3]) < 4:
                raise RecipeError(
                    f"The pictures are too small for {len(settings.filters)} convolutions.",
                    expected="at least 4 × 4 pixels before each of them",
                    received=f"{x.shape[1]} × {x.shape[2]} before convolution {number}",
                    remedy="a larger --image-size, or fewer model.filters",
                )
            x = layers.Conv2D(
                filters,
                3,
                activation="relu",
                kernel_initializer=self._glorot(f"conv_{number}"),
                name=f"conv_{number}",
            )(x)
            x = layers.MaxPooling2D(2, name=f"pool_{number}")(x)
        x = self._dropout(layers.Flatten(name="flatten")(x), settings.dropout)
        for number, units in enumerate(settings.dense, start=1):
            x = layers.Dense(
                units,
                activation="relu",
                kernel_initializer=self._glorot(f"dense_{number}"),
                name=f"dense_{number}",
            )(x)
        return x

    def compact(self, x: Any, settings: Compact) -> Any:
        """Stages of convolutions with batch norm, halving the picture down to a few pixels."""
        # A large picture is halved at once: full resolution costs most and tells least.
        x = self._normed_conv(
            x, settings.width, "stem", strides=2 if min(x.shape[1:3]) >= 64 else 1
        )
        for stage in count(1):
            filters = settings.width * min(2 ** (stage - 1), _MOST_TIMES_WIDTH)
            x = self._normed_conv(x, filters, f"stage_{stage}")
            if min(x.shape[1:3]) < _SMALLEST_MAP:
                break
            x = layers.MaxPooling2D(2, name=f"stage_{stage}_pool")(x)
        return self._dropout(layers.GlobalAveragePooling2D(name="average")(x), settings.dropout)

    def _normed_conv(self, x: Any, filters: int, name: str, strides: int = 1) -> Any:
        x = layers.Conv2D(
            filters,
            3,
            strides=strides,
            padding="same",
            use_bias=False,  # the norm that follows has a bias
            kernel_initializer=keras.initializers.HeNormal(self._seed(f"{name}_conv")),
            name=f"{name}_conv",
        )(x)
        x = layers.BatchNormalization(momentum=_NORM_MOMENTUM, name=f"{name}_norm")(x)
        return layers.Activation("relu", name=f"{name}_relu")(x)

    def _dropout(self, x: Any, rate: float) -> Any:
        return layers.Dropout(rate, seed=self._seed("dropout"), name="dropout")(x) if rate else x

    def _glorot(self, layer: str) -> Any:
        return keras.initializers.GlorotUniform(self._seed(layer))

    def _seed(self, layer: str) -> int:
        return seed_of(self.randomness, layer)
