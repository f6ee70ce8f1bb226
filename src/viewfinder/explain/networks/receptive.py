"""Receptive fields: which pixels of the picture a position of a map can depend on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import keras
from keras import layers

from viewfinder.explain.networks.network import CONVOLUTIONS, POOLINGS, Network, Step

# Each output position depends on the same position of the input.
_PER_POSITION = (
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.Activation,
    layers.ReLU,
    layers.LeakyReLU,
    layers.PReLU,
    layers.ELU,
    layers.Softmax,
    layers.Dropout,
    layers.SpatialDropout2D,
    layers.GaussianNoise,
    layers.GaussianDropout,
    layers.Rescaling,
    layers.Normalization,
    layers.Dense,
)
_MERGES = (
    layers.Add,
    layers.Subtract,
    layers.Multiply,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
    layers.Concatenate,
)


class Box(NamedTuple):
    """Pixels of the model's input, the ends not included."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class _Axis:
    """Position p depends on the pixels from `first + p * jump` to `last + p * jump`."""

    first: float = 0
    last: float = 0
    jump: float = 1

    def windowed(self, size: int, stride: int, before: int) -> "_Axis":
        first = self.first - before * self.jump
        last = self.last + (size - 1 - before) * self.jump
        return _Axis(first, last, self.jump * stride)


_Field = tuple[_Axis, _Axis] | None  # None: the whole picture


def receptive_box(network: Network, step: Step, row: int, column: int) -> Box:
    """Return the pixels on which a position of a step's output can depend.

    The box follows from kernels, strides, dilations and padding. Where a layer mixes all positions,
    or is of a kind that is not known here, it is the whole picture.

    Args:
        network: A traced model.
        step: One of its maps.
        row: The position in the map.
        column: The position in the map.
    """
    fields: dict[int, _Field] = {id(network.input): (_Axis(), _Axis())}
    for other in network.steps:
        fields[id(other.output)] = _field(other, [fields.get(id(one)) for one in other.inputs])
        if other is step:
            break
    height, width = tuple(network.input.shape)[1:3]
    field = fields[id(step.output)]
    if field is None:
        return Box(0, 0, height, width)
    (top, bottom), (left, right) = (
        _pixels(axis, position, side)
        for axis, position, side in zip(field, (row, column), (height, width), strict=True)
    )
    return Box(top, left, bottom, right)


def _pixels(axis: _Axis, position: int, side: int) -> tuple[int, int]:
    first = math.floor(axis.first + position * axis.jump)
    last = math.ceil(axis.last + position * axis.jump)
    return max(0, first), min(side, last + 1)


def _field(step: Step, inputs: Sequence[_Field]) -> _Field:
    layer = step.layer
    if not inputs or any(field is None for field in inputs) or not step.is_map:
        return None
    known = [field for field in inputs if field is not None]
    if isinstance(layer, _MERGES):
        return _merged([field[0] for field in known]), _merged([field[1] for field in known])
    if isinstance(layer, layers.Dense) and len(step.output.shape) != 4:
        return None
    rows, columns = known[0]
    if isinstance(layer, _PER_POSITION):
        return rows, columns
    if isinstance(layer, layers.InputLayer | layers.Identity):
        return rows, columns
    if isinstance(layer, layers.ZeroPadding2D | layers.Cropping2D):
        amounts = layer.padding if isinstance(layer, layers.ZeroPadding2D) else layer.cropping
        sign = -1 if isinstance(layer, layers.ZeroPadding2D) else 1
        return _moved(rows, sign * amounts[0][0]), _moved(columns, sign * amounts[1][0])
    if isinstance(layer, layers.Conv2DTranspose) or not isinstance(layer, CONVOLUTIONS + POOLINGS):
        return None
    return _windowed(layer, rows, 0, step.inputs[0]), _windowed(layer, columns, 1, step.inputs[0])


def _windowed(layer: keras.Layer, axis: _Axis, number: int, taken: Any) -> _Axis:
    size = _pair(layer.pool_size if isinstance(layer, POOLINGS) else layer.kernel_size)[number]
    stride = _pair(layer.strides)[number]
    size = (size - 1) * _pair(getattr(layer, "dilation_rate", 1))[number] + 1
    before = 0
    if layer.padding == "same":
        side = tuple(taken.shape)[1 + number]
        before = max((math.ceil(side / stride) - 1) * stride + size - side, 0) // 2
    return axis.windowed(size, stride, before)


def _moved(axis: _Axis, pixels: int) -> _Axis:
    by = pixels * axis.jump
    return replace(axis, first=axis.first + by, last=axis.last + by)


def _merged(axes: Sequence[_Axis]) -> _Axis:
    """Return the union; axes of other strides never meet in a sum of equal sizes."""
    return _Axis(min(axis.first for axis in axes), max(axis.last for axis in axes), axes[0].jump)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)
