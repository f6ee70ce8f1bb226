"""Changes of colour: each gives an affine map of colours, and all of them together one.

A map takes a colour (red, green, blue, 1) in levels from 0 to 255. The maps are multiplied before
any pixel is touched, so values are rounded and cut to 0…255 once, at the end, not after each
step. Greys stay grey under all of them but a channel shift.

Forward, the changes happen in this order: brightness, contrast, saturation, hue, channel mix,
channel shift, grayscale.
"""

from abc import abstractmethod
from typing import Annotated, ClassVar

import numpy as np

from viewfinder.augment.records import Number, Operation, Probability, Switch, Table, limits, spread

# Rec. 601 luma, as PIL and OpenCV turn RGB into gray; each row gives the same gray.
_TO_GRAY = np.tile([0.299, 0.587, 0.114], (3, 1))

# YIQ, the colour space of NTSC television: one axis of luma, two of colour.
_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_QUARTER_TURN = np.linalg.inv(_TO_YIQ) @ [[0, 0, 0], [0, 0, -1], [0, 1, 0]] @ _TO_YIQ

_CHANNELS = ("red", "green", "blue")
_MIDDLE_GRAY = 127.5
_STRENGTH = "the largest change as a part of 1, from 0 to 1"


class Coloring(Operation):
    """An operation on colours, the same at every place."""

    @abstractmethod
    def maps(self, parameters: Table) -> Table:
        """Colour maps, float64, shape `(n, 4, 4)`, from `(n, len(columns))` parameters."""


class _Factor(Coloring):
    """What is drawn as one factor, uniform from 1 - strength to 1 + strength."""

    draws: ClassVar[int] = 1

    strength: Annotated[Number, limits(0, 1, _STRENGTH)]

    @property
    def idle(self) -> bool:
        """True at strength 0."""
        return self.strength == 0

    def parameters(self, uniform: Table) -> Table:
        """The factor; 1 changes nothing."""
        return spread(uniform, 1 - self.strength, 1 + self.strength)


class Brightness(_Factor):
    """All levels times a factor from 1 - strength to 1 + strength."""

    name: ClassVar[str] = "brightness"
    columns: ClassVar[tuple[str, ...]] = ("brightness.factor",)

    def maps(self, parameters: Table) -> Table:
        """The factor on each channel."""
        return _affine(parameters[:, :1, None] * np.eye(3))

    def describe(self) -> str:
        """The range in words."""
        return f"makes darker or brighter by up to {100 * self.strength:g} %"


class Contrast(_Factor):
    """Distances from the middle gray (127.5) times a factor from 1 - strength to 1 + strength.

    The middle gray stands for the picture's own mean, which PIL takes: the map is then known
    before the picture is read.
    """

    name: ClassVar[str] = "contrast"
    columns: ClassVar[tuple[str, ...]] = ("contrast.factor",)

    def maps(self, parameters: Table) -> Table:
        """The factor on each channel's distance from the middle gray."""
        return _affine(parameters[:, :1, None] * np.eye(3), _MIDDLE_GRAY * (1 - parameters))

    def describe(self) -> str:
        """The range in words."""
        return f"lowers or raises the contrast by up to {100 * self.strength:g} %"


class Saturation(_Factor):
    """Distances from the pixel's own gray times a factor from 1 - strength to 1 + strength."""

    name: ClassVar[str] = "saturation"
    columns: ClassVar[tuple[str, ...]] = ("saturation.factor",)

    def maps(self, parameters: Table) -> Table:
        """A blend of the colour and its gray, as PIL's ImageEnhance.Color blends them."""
        factor = parameters[:, :1, None]
        return _affine(factor * np.eye(3) + (1 - factor) * _TO_GRAY)

    def describe(self) -> str:
        """The range in words."""
        return f"makes colours weaker or stronger by up to {100 * self.strength:g} %"


class Hue(Coloring):
    """A turn of all colours about the grays, uniform from -degrees to +degrees.

    The turn is made in YIQ, as of a television's tint knob, and keeps the luma.
    """

    name: ClassVar[str] = "hue"
    columns: ClassVar[tuple[str, ...]] = ("hue.degrees",)
    draws: ClassVar[int] = 1

    degrees: Annotated[Number, limits(0, 180, "the largest turn in degrees, from 0 to 180")]

    @property
    def idle(self) -> bool:
        """True at 0 degrees."""
        return self.degrees == 0

    def parameters(self, uniform: Table) -> Table:
        """The angle in degrees."""
        return spread(uniform, -self.degrees, self.degrees)

    def maps(self, parameters: Table) -> Table:
        """A rotation in YIQ, written so that 0 degrees is exactly the identity."""
        angle = np.deg2rad(parameters[:, :1, None])
        colour = np.eye(3) - _TO_GRAY
        return _affine(np.eye(3) + (np.cos(angle) - 1) * colour + np.sin(angle) * _QUARTER_TURN)

    def describe(self) -> str:
        """The range in words."""
        return f"turns the hue by up to {self.degrees:g} degrees either way"


class ChannelMix(Coloring):
    """Each channel blended with a random mix of all three, with the given probability.

    Shapes, textures and grays stay; which colour goes with what is lost. For a model that shall
    tell things by their shape, and be used where colours are others: on hands of another skin,
    under another light, from another camera.

    A random convolution of 1 × 1 in its blended form (Xu et al., "Robust and Generalizable Visual
    Representation Learning via Random Convolutions", ICLR 2021), but with weights that are uniform
    and sum to 1. The mix's share is uniform from 0 to 1.
    """

    name: ClassVar[str] = "channel_mix"
    columns: ClassVar[tuple[str, ...]] = (
        "channel_mix.share",
        *(f"channel_mix.{source}_in_{mix}" for mix in _CHANNELS for source in _CHANNELS),
    )
    draws: ClassVar[int] = 1 + 1 + 9

    probability: Probability

    @property
    def idle(self) -> bool:
        """True at probability 0."""
        return self.probability == 0

    def parameters(self, uniform: Table) -> Table:
        """The share, 0 where the picture stays as it is, and nine weights from -1 to 1.

        A weight is relative to the other two of its mix: `maps` adds what makes their sum 1.
        """
        share = np.where(uniform[:, :1] < self.probability, uniform[:, 1:2], 0)
        return np.hstack([share, spread(uniform[:, 2:], -1, 1)])

    def maps(self, parameters: Table) -> Table:
        """The share of the mixes, and the rest of the identity."""
        share, weights = parameters[:, :1, None], parameters[:, 1:].reshape(-1, 3, 3)
        mixes = weights - weights.mean(axis=2, keepdims=True) + 1 / 3
        return _affine((1 - share) * np.eye(3) + share * mixes)

    def describe(self) -> str:
        """The share of the pictures in words."""
        return f"mixes the colours of {100 * self.probability:g} % of the pictures at random"


class ChannelShift(Coloring):
    """A number of levels added to each channel, uniform from -levels to +levels.

    ImageDataGenerator's `channel_shift_range` adds the same number to all channels
    (`per_channel=False`), and cuts to the picture's own darkest and brightest level, not 0…255.
    """

    name: ClassVar[str] = "channel_shift"
    columns: ClassVar[tuple[str, ...]] = (
        "channel_shift.red",
        "channel_shift.green",
        "channel_shift.blue",
    )
    draws: ClassVar[int] = 3

    levels: Annotated[Number, limits(0, 255, "the largest shift in levels, from 0 to 255")]
    per_channel: Switch = True

    @property
    def idle(self) -> bool:
        """True at 0 levels."""
        return self.levels == 0

    def parameters(self, uniform: Table) -> Table:
        """The levels added to red, green and blue; a one-channel picture takes the first."""
        shifts = spread(uniform, -self.levels, self.levels)
        return shifts if self.per_channel else shifts[:, [0, 0, 0]]

    def maps(self, parameters: Table) -> Table:
        """The shifts."""
        return _affine(np.broadcast_to(np.eye(3), (len(parameters), 3, 3)), parameters)

    def describe(self) -> str:
        """The range in words."""
        which = "each channel on its own" if self.per_channel else "all channels alike"
        return f"shifts {which} by up to {self.levels:g} levels either way"


class Grayscale(Coloring):
    """The picture in shades of gray, with the given probability; it keeps its channels."""

    name: ClassVar[str] = "grayscale"
    columns: ClassVar[tuple[str, ...]] = ("grayscale.on",)
    draws: ClassVar[int] = 1

    probability: Probability

    @property
    def idle(self) -> bool:
        """True at probability 0."""
        return self.probability == 0

    def parameters(self, uniform: Table) -> Table:
        """1 where the picture becomes gray, else 0."""
        return (uniform < self.probability).astype(np.float64)

    def maps(self, parameters: Table) -> Table:
        """Rec. 601 luma in every channel, or the identity."""
        return _affine(np.where(parameters[:, :1, None] > 0, _TO_GRAY, np.eye(3)))

    def describe(self) -> str:
        """The share in words."""
        return f"turns {100 * self.probability:g} % of the pictures gray"


def _affine(linear: Table, offsets: Table | float = 0.0) -> Table:
    """3×3 maps `(n, 3, 3)` and offsets in levels as 4×4 maps `(n, 4, 4)`."""
    maps = np.zeros((len(linear), 4, 4))
    maps[:, :3, :3] = linear
    maps[:, :3, 3] = offsets
    maps[:, 3, 3] = 1
    return maps
