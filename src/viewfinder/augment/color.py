"""Colour operations: each gives affine maps of colours, and their product is one map per picture.

A map takes a colour (red, green, blue, 1) in levels from 0 to 255. The maps are multiplied before
they are applied, so values are rounded and clipped to 0…255 only once. All of them keep grays gray,
except a channel shift.

The forward order is brightness, contrast, saturation, hue, channel mix, channel shift, grayscale.
"""

from abc import abstractmethod
from typing import Annotated, ClassVar

import numpy as np
from typing_extensions import override

from viewfinder.augment.records import Number, Operation, Probability, Switch, Table, limits, spread

# Rec. 601 luma, as PIL and OpenCV convert RGB to gray, in each row.
_TO_GRAY = np.tile([0.299, 0.587, 0.114], (3, 1))

# YIQ, the colour space of NTSC television: one axis of luma, two of colour.
_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_QUARTER_TURN = np.linalg.inv(_TO_YIQ) @ [[0, 0, 0], [0, 0, -1], [0, 1, 0]] @ _TO_YIQ

_CHANNELS = ("red", "green", "blue")
_MIDDLE_GRAY = 127.5
_STRENGTH = "the largest change as a fraction, from 0 to 1"


class Coloring(Operation):
    """An operation that maps colours, equally for every pixel of a picture."""

    @abstractmethod
    def maps(self, parameters: Table) -> Table:
        """Return colour maps, float64, shape `(n, 4, 4)`, of parameters `(n, len(columns))`."""


class _Factor(Coloring):
    """An operation with one factor, uniform from 1 - strength to 1 + strength."""

    strength: Annotated[Number, limits(0, 1, _STRENGTH)]

    @override
    def parameters(self, uniform: Table) -> Table:
        return spread(uniform, 1 - self.strength, 1 + self.strength)


class Brightness(_Factor):
    """All levels times a factor from 1 - strength to 1 + strength."""

    name: ClassVar[str] = "brightness"
    columns: ClassVar[tuple[str, ...]] = ("brightness.factor",)

    @override
    def maps(self, parameters: Table) -> Table:
        return _affine(parameters[:, :1, None] * np.eye(3))

    @override
    def describe(self) -> str:
        return f"makes darker or brighter by up to {100 * self.strength:g} %"


class Contrast(_Factor):
    """Distances from the middle gray (127.5) times a factor from 1 - strength to 1 + strength.

    PIL takes the picture's own mean instead of the middle gray; a constant makes the map known
    before the picture is read.
    """

    name: ClassVar[str] = "contrast"
    columns: ClassVar[tuple[str, ...]] = ("contrast.factor",)

    @override
    def maps(self, parameters: Table) -> Table:
        return _affine(parameters[:, :1, None] * np.eye(3), _MIDDLE_GRAY * (1 - parameters))

    @override
    def describe(self) -> str:
        return f"lowers or raises the contrast by up to {100 * self.strength:g} %"


class Saturation(_Factor):
    """Distances from the pixel's own gray times a factor from 1 - strength to 1 + strength."""

    name: ClassVar[str] = "saturation"
    columns: ClassVar[tuple[str, ...]] = ("saturation.factor",)

    @override
    def maps(self, parameters: Table) -> Table:
        """Return maps that blend a colour with its gray, as PIL's ImageEnhance.Color does."""
        factor = parameters[:, :1, None]
        return _affine(factor * np.eye(3) + (1 - factor) * _TO_GRAY)

    @override
    def describe(self) -> str:
        return f"makes colours weaker or stronger by up to {100 * self.strength:g} %"


class Hue(Coloring):
    """A rotation of hue, uniform from -degrees to +degrees, in YIQ; it keeps the luma."""

    name: ClassVar[str] = "hue"
    columns: ClassVar[tuple[str, ...]] = ("hue.degrees",)

    degrees: Annotated[Number, limits(0, 180, "the largest turn in degrees, from 0 to 180")]

    @override
    def parameters(self, uniform: Table) -> Table:
        return spread(uniform, -self.degrees, self.degrees)

    @override
    def maps(self, parameters: Table) -> Table:
        """Return rotations in YIQ, in a form in which 0 degrees is exactly the identity."""
        angle = np.deg2rad(parameters[:, :1, None])
        colour = np.eye(3) - _TO_GRAY
        return _affine(np.eye(3) + (np.cos(angle) - 1) * colour + np.sin(angle) * _QUARTER_TURN)

    @override
    def describe(self) -> str:
        return f"turns the hue by up to {self.degrees:g} degrees either way"


class ChannelMix(Coloring):
    """Each channel blended with a random mix of all three, with the given probability.

    It keeps shapes, textures and grays, and destroys the relation of colours to classes. Use it
    for a model that should recognise shapes under other colours: hands of another skin, another
    light, another camera.

    It is the blended 1 × 1 random convolution of Xu et al., "Robust and Generalizable Visual
    Representation Learning via Random Convolutions", ICLR 2021, but with uniform weights that sum
    to 1. The share of the mix is uniform from 0 to 1.
    """

    name: ClassVar[str] = "channel_mix"
    columns: ClassVar[tuple[str, ...]] = (
        "channel_mix.share",
        *(f"channel_mix.{source}_in_{mix}" for mix in _CHANNELS for source in _CHANNELS),
    )
    draws: ClassVar[int] = 1 + 1 + 9

    probability: Probability

    @override
    def parameters(self, uniform: Table) -> Table:
        """Return the share, 0 for an unchanged picture, and nine weights from -1 to 1.

        `maps` shifts the three weights of a mix so that their sum is 1.
        """
        share = np.where(uniform[:, :1] < self.probability, uniform[:, 1:2], 0)
        return np.hstack([share, spread(uniform[:, 2:], -1, 1)])

    @override
    def maps(self, parameters: Table) -> Table:
        share, weights = parameters[:, :1, None], parameters[:, 1:].reshape(-1, 3, 3)
        mixes = weights - weights.mean(axis=2, keepdims=True) + 1 / 3
        return _affine((1 - share) * np.eye(3) + share * mixes)

    @override
    def describe(self) -> str:
        return f"mixes the colours of {100 * self.probability:g} % of the pictures at random"


class ChannelShift(Coloring):
    """A number of levels added to each channel, uniform from -levels to +levels.

    ImageDataGenerator's `channel_shift_range` adds the same number to all channels
    (`per_channel=False`), and clips to the picture's own darkest and brightest level, not 0…255.
    """

    name: ClassVar[str] = "channel_shift"
    columns: ClassVar[tuple[str, ...]] = (
        "channel_shift.red",
        "channel_shift.green",
        "channel_shift.blue",
    )

    levels: Annotated[Number, limits(0, 255, "the largest shift in levels, from 0 to 255")]
    per_channel: Switch = True

    @override
    def parameters(self, uniform: Table) -> Table:
        """Return the levels for red, green and blue; a one-channel picture takes the first."""
        shifts = spread(uniform, -self.levels, self.levels)
        return shifts if self.per_channel else shifts[:, [0, 0, 0]]

    @override
    def maps(self, parameters: Table) -> Table:
        return _affine(np.broadcast_to(np.eye(3), (len(parameters), 3, 3)), parameters)

    @override
    def describe(self) -> str:
        which = "each channel on its own" if self.per_channel else "all channels alike"
        return f"shifts {which} by up to {self.levels:g} levels either way"


class Grayscale(Coloring):
    """The picture in shades of gray, with the given probability; it keeps its channels."""

    name: ClassVar[str] = "grayscale"
    columns: ClassVar[tuple[str, ...]] = ("grayscale.on",)

    probability: Probability

    @override
    def parameters(self, uniform: Table) -> Table:
        return (uniform < self.probability).astype(np.float64)

    @override
    def maps(self, parameters: Table) -> Table:
        return _affine(np.where(parameters[:, :1, None] > 0, _TO_GRAY, np.eye(3)))

    @override
    def describe(self) -> str:
        return f"turns {100 * self.probability:g} % of the pictures gray"


def _affine(linear: Table, offsets: Table | float = 0.0) -> Table:
    """Combine maps `(n, 3, 3)` and offsets in levels into maps `(n, 4, 4)`."""
    maps = np.zeros((len(linear), 4, 4))
    maps[:, :3, :3] = linear
    maps[:, :3, 3] = offsets
    maps[:, 3, 3] = 1
    return maps
