"""Geometric operations: each gives 3×3 matrices, and their product is one map per picture.

A matrix maps a point of the changed picture to a point of the original (the inverse map, which
resampling needs). Points are (x, y, 1) in pixels of the picture's final size, x to the right and y
down, from the picture's centre.

The forward order is crop, rotation, shift, shear, zoom, flip. Rotation to flip have the order and
signs of `apply_affine_transform` and the flips in Keras 3.15's ImageDataGenerator.
"""

from abc import abstractmethod
from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator
from typing_extensions import override

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
    """An operation that moves pixels."""

    @property
    def resamples(self) -> bool:
        """Whether it interpolates between pixels, and so gains from a larger source."""
        return not self.has_no_effect

    @abstractmethod
    def matrices(self, parameters: Table, height: int, width: int) -> Table:
        """Return inverse maps, float64, shape `(n, 3, 3)`, of parameters `(n, len(columns))`."""


class RandomResizedCrop(Motion):
    """A random box of the picture, enlarged to the whole.

    A ratio of 1 is the picture's own aspect ratio, so a crop of ratio 1 is not stretched.
    """

    name: ClassVar[str] = "crop"
    columns: ClassVar[tuple[str, ...]] = ("crop.left", "crop.top", "crop.width", "crop.height")

    scale: Annotated[
        Interval, within(0.01, 1), pair("two fractions of the area from 0.01 to 1, as (0.5, 1)")
    ]
    ratio: Annotated[
        Interval, within(0.1, 10), pair("two ratios of width to height from 0.1 to 10, as (0.5, 2)")
    ] = (3 / 4, 4 / 3)

    @property
    @override
    def has_no_effect(self) -> bool:
        return self.scale == (1, 1)

    @override
    def parameters(self, uniform: Table) -> Table:
        """Return left, top, width and height of the box, as fractions of the sides."""
        return random_boxes(uniform, self.scale, self.ratio)

    @override
    def matrices(self, parameters: Table, height: int, width: int) -> Table:
        left, top, wide, high = parameters.T
        maps = _identities(len(parameters))
        maps[:, 0, 0], maps[:, 1, 1] = wide, high
        maps[:, 0, 2] = (left + wide / 2 - 0.5) * width
        maps[:, 1, 2] = (top + high / 2 - 0.5) * height
        return maps

    @override
    def describe(self) -> str:
        (least, most), (narrow, wide) = self.scale, self.ratio
        return (
            f"crops {least:.3g} to {most:.3g} of the area, "
            f"{narrow:.3g} to {wide:.3g} times as wide as high, and enlarges it to the whole"
        )


class Rotation(Motion):
    """A rotation about the centre, uniform from -degrees to +degrees."""

    name: ClassVar[str] = "rotation"
    columns: ClassVar[tuple[str, ...]] = ("rotation.degrees",)

    degrees: Annotated[Number, limits(0, 180, "the largest turn in degrees, from 0 to 180")]

    @override
    def parameters(self, uniform: Table) -> Table:
        """Return the angle in degrees, counterclockwise above 0."""
        return spread(uniform, -self.degrees, self.degrees)

    @override
    def matrices(self, parameters: Table, height: int, width: int) -> Table:
        angle = np.deg2rad(parameters[:, 0])
        maps = _identities(len(parameters))
        maps[:, 0, 0] = maps[:, 1, 1] = np.cos(angle)
        maps[:, 1, 0] = np.sin(angle)
        maps[:, 0, 1] = -maps[:, 1, 0]
        return maps

    @override
    def describe(self) -> str:
        return f"turns by up to {self.degrees:g} degrees either way"


class Shift(Motion):
    """A shift along each axis, uniform from minus to plus a fraction of the side."""

    name: ClassVar[str] = "shift"
    columns: ClassVar[tuple[str, ...]] = ("shift.x", "shift.y")

    width: Annotated[Number, limits(0, 1, "a fraction of the picture's width, from 0 to 1")] = 0.0
    height: Annotated[Number, limits(0, 1, "a fraction of the picture's height, from 0 to 1")] = 0.0

    @property
    @override
    def has_no_effect(self) -> bool:
        return self.width == 0 and self.height == 0

    @override
    def parameters(self, uniform: Table) -> Table:
        """Return the shifts as fractions; above 0, to the left and up, as in Keras."""
        largest: Table = np.array([self.width, self.height])
        return (2 * uniform - 1) * largest

    @override
    def matrices(self, parameters: Table, height: int, width: int) -> Table:
        maps = _identities(len(parameters))
        maps[:, :2, 2] = parameters * (width, height)
        return maps

    @override
    def describe(self) -> str:
        return (
            f"shifts by up to {100 * self.width:g} % of the width "
            f"and {100 * self.height:g} % of the height either way"
        )


class Shear(Motion):
    """A shear along the x axis, uniform from -degrees to +degrees, as in Keras."""

    name: ClassVar[str] = "shear"
    columns: ClassVar[tuple[str, ...]] = ("shear.degrees",)

    degrees: Annotated[Number, limits(0, 60, "the largest slant in degrees, from 0 to 60")]

    @override
    def parameters(self, uniform: Table) -> Table:
        return spread(uniform, -self.degrees, self.degrees)

    @override
    def matrices(self, parameters: Table, height: int, width: int) -> Table:
        """Return Keras's shear matrices, which also shorten the y axis by the angle's cosine."""
        angle = np.deg2rad(parameters[:, 0])
        maps = _identities(len(parameters))
        maps[:, 0, 1] = -np.sin(angle)
        maps[:, 1, 1] = np.cos(angle)
        return maps

    @override
    def describe(self) -> str:
        little = " (next to nothing)" if self.degrees < 1 else ""
        return f"shears by up to {self.degrees:g} degrees either way{little}"


class Zoom(Motion):
    """A zoom about the centre by a factor uniform from `low` to `high`.

    The factor is Keras's, the visible share of the picture: below 1 the picture grows, above 1 it
    shrinks and the area beyond its edge is filled.
    """

    name: ClassVar[str] = "zoom"
    columns: ClassVar[tuple[str, ...]] = ("zoom.x", "zoom.y")

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
    @override
    def has_no_effect(self) -> bool:
        return self.low == self.high == 1

    @override
    def parameters(self, uniform: Table) -> Table:
        """Return the factors of both axes, equal unless `per_axis`."""
        factors = spread(uniform, self.low, self.high)
        return factors if self.per_axis else factors[:, [0, 0]]

    @override
    def matrices(self, parameters: Table, height: int, width: int) -> Table:
        maps = _identities(len(parameters))
        maps[:, 0, 0], maps[:, 1, 1] = parameters.T
        return maps

    @override
    def describe(self) -> str:
        axes = "each axis on its own" if self.per_axis else "both axes alike"
        return f"zooms {axes}, from {_size_in_words(self.low)} to {_size_in_words(self.high)}"


class Flip(Motion):
    """A mirroring along either axis, each with probability a half."""

    name: ClassVar[str] = "flip"
    columns: ClassVar[tuple[str, ...]] = ("flip.horizontal", "flip.vertical")

    horizontal: Switch = False
    vertical: Switch = False

    @property
    @override
    def has_no_effect(self) -> bool:
        return not (self.horizontal or self.vertical)

    @property
    @override
    def resamples(self) -> bool:
        return False  # a mirrored picture has the same pixels

    @override
    def parameters(self, uniform: Table) -> Table:
        mirrored: NDArray[np.bool_] = (uniform < 0.5) & np.array([self.horizontal, self.vertical])
        return mirrored.astype(np.float64)

    @override
    def matrices(self, parameters: Table, height: int, width: int) -> Table:
        maps = _identities(len(parameters))
        maps[:, 0, 0], maps[:, 1, 1] = 1 - 2 * parameters.T
        return maps

    @override
    def describe(self) -> str:
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
