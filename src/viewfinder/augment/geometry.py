"""Changes of place: each gives 3×3 matrices, and all of them together one map per picture.

A matrix answers, for a place in the changed picture, where in the unchanged one its colour comes
from (an inverse map, as resampling needs it). Both are (x, y, 1) in pixels of the picture's final
size, x to the right and y down, from the picture's centre.

Forward, the changes happen in this order: crop, rotation, shift, shear, zoom, flip. For the
middle four this is the order, and these are the signs, of `apply_affine_transform` in Keras
3.15's ImageDataGenerator; its flips come last too.
"""

from abc import abstractmethod
from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from viewfinder.augment.records import (
    Interval,
    Number,
    Operation,
    Switch,
    Table,
    limits,
    pair,
    random_boxes,
    spread,
    within,
)
from viewfinder.core.errors import RecipeError


class Motion(Operation):
    """An operation on the places of pixels."""

    @property
    def resamples(self) -> bool:
        """Whether it needs pixels between pixels, and so gains from a larger source."""
        return not self.idle

    @abstractmethod
    def matrices(self, parameters: Table, height: int, width: int) -> Table:
        """Inverse maps, float64, shape `(n, 3, 3)`, from `(n, len(columns))` parameters."""


class RandomResizedCrop(Motion):
    """A random box of the picture, enlarged to the whole.

    A ratio of 1 is the picture's own shape, so that a crop of ratio 1 is not stretched.
    """

    name: ClassVar[str] = "crop"
    columns: ClassVar[tuple[str, ...]] = ("crop.left", "crop.top", "crop.width", "crop.height")
    draws: ClassVar[int] = 4

    scale: Annotated[
        Interval, within(0.01, 1), pair("two fractions of the area from 0.01 to 1, as (0.5, 1)")
    ]
    ratio: Annotated[
        Interval, within(0.1, 10), pair("two ratios of width to height from 0.1 to 10, as (0.5, 2)")
    ] = (3 / 4, 4 / 3)

    @property
    def idle(self) -> bool:
        """True where every crop is the whole picture."""
        return self.scale == (1, 1)

    def parameters(self, uniform: Table) -> Table:
        """Left, top, width and height of the box, as fractions of the sides."""
        return random_boxes(uniform, self.scale, self.ratio)

    def matrices(self, parameters: Table, height: int, width: int) -> Table:
        """The box's place and size."""
        left, top, wide, high = parameters.T
        maps = _identities(len(parameters))
        maps[:, 0, 0], maps[:, 1, 1] = wide, high
        maps[:, 0, 2] = (left + wide / 2 - 0.5) * width
        maps[:, 1, 2] = (top + high / 2 - 0.5) * height
        return maps

    def describe(self) -> str:
        """The range in words."""
        (least, most), (narrow, wide) = self.scale, self.ratio
        return (
            f"crops {least:.3g} to {most:.3g} of the area, "
            f"{narrow:.3g} to {wide:.3g} times as wide as high, and enlarges it to the whole"
        )


class Rotation(Motion):
    """A turn about the centre, uniform from -degrees to +degrees."""

    name: ClassVar[str] = "rotation"
    columns: ClassVar[tuple[str, ...]] = ("rotation.degrees",)
    draws: ClassVar[int] = 1

    degrees: Annotated[Number, limits(0, 180, "the largest turn in degrees, from 0 to 180")]

    @property
    def idle(self) -> bool:
        """True at 0 degrees."""
        return self.degrees == 0

    def parameters(self, uniform: Table) -> Table:
        """The angle in degrees; above 0, the picture turns to the left."""
        return spread(uniform, -self.degrees, self.degrees)

    def matrices(self, parameters: Table, height: int, width: int) -> Table:  # noqa: ARG002
        """Keras's rotation matrix."""
        angle = np.deg2rad(parameters[:, 0])
        maps = _identities(len(parameters))
        maps[:, 0, 0] = maps[:, 1, 1] = np.cos(angle)
        maps[:, 1, 0] = np.sin(angle)
        maps[:, 0, 1] = -maps[:, 1, 0]
        return maps

    def describe(self) -> str:
        """The range in words."""
        return f"turns by up to {self.degrees:g} degrees either way"


class Shift(Motion):
    """A move along each axis, uniform from minus to plus the fractions of the picture's sides."""

    name: ClassVar[str] = "shift"
    columns: ClassVar[tuple[str, ...]] = ("shift.x", "shift.y")
    draws: ClassVar[int] = 2

    width: Annotated[Number, limits(0, 1, "a fraction of the picture's width, from 0 to 1")] = 0.0
    height: Annotated[Number, limits(0, 1, "a fraction of the picture's height, from 0 to 1")] = 0.0

    @property
    def idle(self) -> bool:
        """True where both fractions are 0."""
        return self.width == 0 and self.height == 0

    def parameters(self, uniform: Table) -> Table:
        """The moves as fractions; above 0, the picture moves to the left and up, as in Keras."""
        largest: Table = np.array([self.width, self.height])
        return (2 * uniform - 1) * largest

    def matrices(self, parameters: Table, height: int, width: int) -> Table:
        """Keras's shift matrix, each axis measured by its own side."""
        maps = _identities(len(parameters))
        maps[:, :2, 2] = parameters * (width, height)
        return maps

    def describe(self) -> str:
        """The range in words."""
        return (
            f"shifts by up to {100 * self.width:g} % of the width "
            f"and {100 * self.height:g} % of the height either way"
        )


class Shear(Motion):
    """A slant along the x axis, uniform from -degrees to +degrees, as Keras shears."""

    name: ClassVar[str] = "shear"
    columns: ClassVar[tuple[str, ...]] = ("shear.degrees",)
    draws: ClassVar[int] = 1

    degrees: Annotated[Number, limits(0, 60, "the largest slant in degrees, from 0 to 60")]

    @property
    def idle(self) -> bool:
        """True at 0 degrees."""
        return self.degrees == 0

    def parameters(self, uniform: Table) -> Table:
        """The angle in degrees."""
        return spread(uniform, -self.degrees, self.degrees)

    def matrices(self, parameters: Table, height: int, width: int) -> Table:  # noqa: ARG002
        """Keras's shear matrix, which also shortens the y axis by the angle's cosine."""
        angle = np.deg2rad(parameters[:, 0])
        maps = _identities(len(parameters))
        maps[:, 0, 1] = -np.sin(angle)
        maps[:, 1, 1] = np.cos(angle)
        return maps

    def describe(self) -> str:
        """The range in words."""
        little = " (next to nothing)" if self.degrees < 1 else ""
        return f"shears by up to {self.degrees:g} degrees either way{little}"


class Zoom(Motion):
    """A change of size about the centre, uniform from `low` to `high`.

    The factor is Keras's: how much of the picture comes into view. Below 1 the picture grows,
    above 1 it shrinks and what is beyond its edge is filled.
    """

    name: ClassVar[str] = "zoom"
    columns: ClassVar[tuple[str, ...]] = ("zoom.x", "zoom.y")
    draws: ClassVar[int] = 2

    low: Annotated[
        Number, limits(0.1, 10, "a factor from 0.1 to 10, below 1 to enlarge", remedy="as 0.8")
    ]
    high: Annotated[
        Number, limits(0.1, 10, "a factor from 0.1 to 10, above 1 to shrink", remedy="as 1.2")
    ]
    per_axis: Switch = True

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low > self.high:
            raise RecipeError(
                "Zoom's range is reversed.",
                expected="low at most as large as high",
                received=f"low={self.low:g}, high={self.high:g}",
                remedy=f"low={self.high:g}, high={self.low:g}",
            )
        return self

    @property
    def idle(self) -> bool:
        """True where both ends are 1."""
        return self.low == self.high == 1

    def parameters(self, uniform: Table) -> Table:
        """The factors of both axes, equal unless `per_axis`."""
        factors = spread(uniform, self.low, self.high)
        return factors if self.per_axis else factors[:, [0, 0]]

    def matrices(self, parameters: Table, height: int, width: int) -> Table:  # noqa: ARG002
        """Keras's zoom matrix."""
        maps = _identities(len(parameters))
        maps[:, 0, 0], maps[:, 1, 1] = parameters.T
        return maps

    def describe(self) -> str:
        """The range in words."""
        axes = "each axis on its own" if self.per_axis else "both axes alike"
        return f"zooms {axes}, from {_size_in_words(self.low)} to {_size_in_words(self.high)}"


class Flip(Motion):
    """A mirroring along either axis, each with probability a half."""

    name: ClassVar[str] = "flip"
    columns: ClassVar[tuple[str, ...]] = ("flip.horizontal", "flip.vertical")
    draws: ClassVar[int] = 2

    horizontal: Switch = False
    vertical: Switch = False

    @property
    def idle(self) -> bool:
        """True where neither axis is mirrored."""
        return not (self.horizontal or self.vertical)

    @property
    def resamples(self) -> bool:
        """Never: a mirrored picture has the same pixels."""
        return False

    def parameters(self, uniform: Table) -> Table:
        """1 where the axis is mirrored, else 0."""
        mirrored: NDArray[np.bool_] = (uniform < 0.5) & np.array([self.horizontal, self.vertical])
        return mirrored.astype(np.float64)

    def matrices(self, parameters: Table, height: int, width: int) -> Table:  # noqa: ARG002
        """The mirrored axes' directions."""
        maps = _identities(len(parameters))
        maps[:, 0, 0], maps[:, 1, 1] = 1 - 2 * parameters.T
        return maps

    def describe(self) -> str:
        """The axes in words."""
        sides = [("left to right", self.horizontal), ("upside down", self.vertical)]
        return "mirrors " + " and ".join(
            f"{side} half of the time" for side, mirrored in sides if mirrored
        )


def _identities(count: int) -> Table:
    maps = np.zeros((count, 3, 3))
    maps[:, 0, 0] = maps[:, 1, 1] = maps[:, 2, 2] = 1
    return maps


def _size_in_words(factor: float) -> str:
    if factor == 1:
        return "its own size"
    return f"{1 / factor:.3g} times larger" if factor < 1 else f"{factor:.3g} times smaller"
