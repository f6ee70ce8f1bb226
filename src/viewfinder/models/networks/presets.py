"""The networks of the recipes, each a plain functional `keras.Model`.

All take pixels from 0 to 255 (uint8 or float), include their scaling, and end in one sigmoid for
two classes, a softmax for more.
"""

from itertools import count
from typing import Any

import keras
from keras import layers

from viewfinder.core.errors import RecipeError
from viewfinder.core.randomness import Randomness
from viewfinder.models.networks.head import model_name
from viewfinder.models.networks.parts import Parts
from viewfinder.recipe import Compact, ConvStack, Dense, Recipe, Residual
from viewfinder.recipe.transfer import Transfer
from viewfinder.runtime.devices import dtype_policy

# Stages of the compact network end once the shorter side is below this many pixels.
_SMALLEST_MAP = 6
_MOST_TIMES_WIDTH = 8

# In the residual network, the first convolution halves pictures of at least this side. The last
# stage's map has at most so many pixels per side, for large and for small pictures.
_LARGE = 48
_LAST_MAP_LARGE, _LAST_MAP_SMALL = 8, 4
_MOST_STAGES = 5

# Filters are computed in groups of this size: 24 take the time of 32.
_AT_ONCE = 16


def build_preset(recipe: Recipe, classes: int) -> keras.Model:
    """Build the network of a recipe without a base, not compiled, with weights from its seed.

    Args:
        recipe: A resolved recipe. The depth of the network depends on its input size.
        classes: The number of classes, at least 2.

    Raises:
        RecipeError: The pictures are too small for the network.
    """
    settings = recipe.model
    assert not isinstance(settings, Transfer)
    dtype = dtype_policy(recipe.training.precision)
    parts = Parts(Randomness(recipe.seed), settings.l2, dtype)
    height, width, channels = recipe.preprocessing.shape
    inputs = keras.Input((height, width, channels), name="pixels")
    x = parts.layer(layers.Rescaling, 1 / 255, name="scale")(inputs)
    match settings:
        case Dense():
            x = _dense(parts, x, settings)
        case ConvStack():
            x = _conv_stack(parts, x, settings)
        case Compact():
            x = _compact(parts, x, settings, min(height, width))
        case Residual():
            x = _residual(parts, x, settings, min(height, width))
    return keras.Model(inputs, parts.probability(x, classes), name=model_name(recipe.name))


def _dense(parts: Parts, x: Any, settings: Dense | ConvStack) -> Any:
    """Flatten pixels or features, and add dense layers."""
    x = parts.dropout(parts.layer(layers.Flatten, name="flatten")(x), settings.dropout)
    for number, units in enumerate(settings.dense, start=1):
        x = parts.dense(x, units, f"dense_{number}", norm=settings.batch_norm)
    return x


def _conv_stack(parts: Parts, x: Any, settings: ConvStack) -> Any:
    """Add convolutions with pooling, then dense layers, as in the course's networks."""
    for number, filters in enumerate(settings.filters, start=1):
        if min(x.shape[1:3]) < 4:
            raise RecipeError(
                f"The pictures are too small for {len(settings.filters)} convolutions.",
                expected="at least 4 × 4 pixels before each of them",
                received=f"{x.shape[1]} × {x.shape[2]} before convolution {number}",
                remedy="a larger input.size, or fewer model.filters",
            )
        x = parts.course_conv(x, filters, f"conv_{number}", norm=settings.batch_norm)
        x = parts.layer(layers.MaxPooling2D, 2, name=f"pool_{number}")(x)
    return _dense(parts, x, settings)


def _compact(parts: Parts, x: Any, settings: Compact, side: int) -> Any:
    """Add stages of convolutions that halve the picture down to a few pixels."""
    # Large pictures are halved first: full resolution is expensive and helps little.
    is_halved = side >= 64
    norm = settings.batch_norm
    x = parts.conv(x, settings.width, "stem", strides=2 if is_halved else 1, norm=norm)
    side = -(-side // 2) if is_halved else side
    for stage in count(1):
        filters = settings.width * min(2 ** (stage - 1), _MOST_TIMES_WIDTH)
        x = parts.conv(x, filters, f"stage_{stage}", norm=norm)
        if side < _SMALLEST_MAP:
            break
        x = parts.layer(layers.MaxPooling2D, 2, name=f"stage_{stage}_pool")(x)
        side //= 2
    return _averaged(parts, x, settings.dropout)


def _residual(parts: Parts, x: Any, settings: Residual, side: int) -> Any:
    """Add stages of residual blocks, each with half the pixels per side and twice the filters."""
    is_large = side >= _LARGE
    width, norm = _filled(settings.width), settings.batch_norm
    # Full resolution is expensive: large pictures are halved, small ones get half the filters.
    if is_large:
        x = parts.conv(x, width, "stem", strides=2, norm=norm)
    else:
        x = parts.conv(x, _filled(max(width // 2, 1)), "stem", norm=norm)
    repeats = settings.blocks or (1,) * _stages(side, is_large)
    for stage, blocks in enumerate(repeats, start=1):
        for number in range(1, blocks + 1):
            is_halving = number == 1 and (stage > 1 or not is_large)
            x = _block(
                parts,
                x,
                _filled(settings.width * min(2 ** (stage - 1), _MOST_TIMES_WIDTH)),
                f"stage_{stage}_block_{number}",
                strides=2 if is_halving else 1,
                norm=norm,
            )
    return _averaged(parts, x, settings.dropout)


def _filled(filters: int) -> int:
    """Return the number of filters, rounded up to a full group, which takes no more time."""
    return -(-filters // _AT_ONCE) * _AT_ONCE if filters > _AT_ONCE else filters


def _stages(side: int, is_large: bool) -> int:
    """Return the number of stages from pictures of this side to a map of a few pixels."""
    last = _LAST_MAP_LARGE if is_large else _LAST_MAP_SMALL
    for stages in range(1, _MOST_STAGES):
        side = -(-side // 2)
        if side <= last:
            return stages
    return _MOST_STAGES


def _block(parts: Parts, x: Any, filters: int, name: str, *, strides: int, norm: bool) -> Any:
    """Add two convolutions and a shortcut, which averages pixels instead of dropping them."""
    y = parts.conv(x, filters, f"{name}_1", strides=strides, norm=norm)
    y = parts.conv(y, filters, f"{name}_2", norm=norm, zero=True, relu=False)
    if strides > 1:
        x = parts.layer(
            layers.AveragePooling2D, strides, padding="same", name=f"{name}_shortcut_pool"
        )(x)
    if x.shape[-1] != filters:
        x = parts.conv(x, filters, f"{name}_shortcut", size=1, norm=norm, relu=False)
    x = parts.layer(layers.Add, name=f"{name}_sum")([x, y])
    return parts.layer(layers.Activation, "relu", name=f"{name}_relu")(x)


def _averaged(parts: Parts, x: Any, dropout: float) -> Any:
    x = parts.layer(layers.GlobalAveragePooling2D, name="average")(x)
    return parts.dropout(x, dropout)
