"""The augmentation plan: operations in a fixed order, sampled together, applied in few passes."""

from collections.abc import Mapping
from functools import reduce
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from viewfinder.augment.blur import Blur, blur
from viewfinder.augment.color import (
    Brightness,
    ChannelMix,
    ChannelShift,
    Coloring,
    Contrast,
    Grayscale,
    Hue,
    Saturation,
)
from viewfinder.augment.erase import Erase, erase
from viewfinder.augment.geometry import (
    Flip,
    Motion,
    RandomResizedCrop,
    Rotation,
    Shear,
    Shift,
    Zoom,
)
from viewfinder.augment.pixels import Picture, Pictures, pixel_maps, recolor, resample
from viewfinder.augment.records import Level, Operation, Record, Samples, Table, refusal
from viewfinder.core.errors import UsageError
from viewfinder.core.randomness import Ids, Randomness

Fill = Literal["nearest", "reflect", "wrap", "constant"]

_FILL_WORDS = {
    "nearest": "the nearest edge pixel",
    "reflect": "the picture mirrored at its edge",
    "wrap": "the picture repeated",
    "constant": "level",
}


class Plan(Record):
    """The random changes of a training picture, drawn anew in each epoch.

    A plan has at most one operation of each kind, applied in the order of the fields: all geometric
    operations as one resampling, which includes the final resize; all colour operations as one
    colour map; then blur; then erasing.

    Attributes:
        fill: The pixels beyond the edges (a b c d is the picture): `nearest`
            (a a a | a b c d | d d d), `reflect` (c b a | a b c d | d c b), `wrap`
            (b c d | a b c d | a b c) or `constant` (`fill_level`, in every channel).
        fill_level: The level of `constant`, from 0 to 255.
    """

    crop: RandomResizedCrop | None = None
    rotation: Rotation | None = None
    shift: Shift | None = None
    shear: Shear | None = None
    zoom: Zoom | None = None
    flip: Flip | None = None
    brightness: Brightness | None = None
    contrast: Contrast | None = None
    saturation: Saturation | None = None
    hue: Hue | None = None
    channel_mix: ChannelMix | None = None
    channel_shift: ChannelShift | None = None
    grayscale: Grayscale | None = None
    blur: Blur | None = None
    erase: Erase | None = None
    fill: Annotated[Fill, Field(description="nearest, reflect, wrap or constant")] = "nearest"
    fill_level: Level = 0

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations that can change a picture, in the order of their application."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return tuple(
            value for value in values if isinstance(value, Operation) and not value.has_no_effect
        )

    @property
    def moves_pixels(self) -> bool:
        """Whether pixels are resampled, so that a store larger than the model's input helps."""
        return any(
            isinstance(operation, Motion) and operation.resamples for operation in self.operations
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of this plan's parameters."""
        return tuple(column for operation in self.operations for column in operation.columns)

    def sample(self, randomness: Randomness, epoch: int, examples: Ids) -> Samples:
        """Draw the parameters of a batch.

        A picture's parameters depend on the seed, the epoch and its id alone, and an operation's
        parameters do not depend on other operations.

        Args:
            randomness: The random numbers of the run.
            epoch: The pass over the data, from 0.
            examples: The pictures' ids, uint64, shape `(n,)`.
        """
        examples = np.asarray(examples, np.uint64)
        drawn = [operation.sample(randomness, epoch, examples) for operation in self.operations]
        values = np.concatenate([np.empty((len(examples), 0)), *drawn], axis=1)
        return Samples(examples, self.columns, values)

    def apply(
        self,
        pixels: Pictures,
        samples: Samples,
        size: tuple[int, int] | None = None,
        out: Picture | None = None,
    ) -> Picture:
        """Apply the sampled changes to a batch; `pixels` are not modified.

        Threads may share a batch, each with its slice of `pixels`, `samples` and `out`.

        Args:
            pixels: uint8, `(n, H, W, C)` with 1 or 3 channels (RGB), or n such pictures, which
                may then differ in height and width. They may be larger than `size`; from twice
                as large on, fine patterns may alias, as the resampling is bilinear.
            samples: The table of the same n pictures, from this plan's `sample`.
            size: Height and width of the result; by default those of the first picture.
            out: The array for the result: uint8, `(n, h, w, C)`, C-contiguous, not overlapping
                `pixels`.

        Returns:
            uint8, shape `(n, h, w, C)`; `out` if given.

        Raises:
            UsageError: An array has another type or shape, or the samples are another plan's.
        """
        canvas = _checked_canvas(pixels, samples, size, out)
        if samples.columns != self.columns:
            raise UsageError(
                "The samples belong to another plan.",
                expected=", ".join(self.columns) or "no parameters",
                received=", ".join(samples.columns) or "no parameters",
            )
        if len(samples) == 0:
            return canvas
        sources = np.array([picture.shape[:2] for picture in pixels])
        maps = self.pixel_maps(samples, sources, canvas.shape[1:3])
        resample(pixels, maps, self.fill, self.fill_level, canvas)
        drawn = self._by_operation(samples)
        colors = [
            operation.maps(parameters)
            for operation, parameters in drawn.items()
            if isinstance(operation, Coloring)
        ]
        if colors:
            recolor(canvas, reduce(np.matmul, reversed(colors)))
        if self.blur in drawn:
            blur(canvas, drawn[self.blur])
        if self.erase in drawn:
            erase(canvas, drawn[self.erase], self.erase.level)
        return canvas

    def pixel_maps(
        self, samples: Samples, sources: NDArray[np.int_], size: tuple[int, int]
    ) -> Table:
        """Combine all geometric operations and the final resize into one inverse map per picture.

        Args:
            samples: The table of n pictures.
            sources: Height and width of each, shape `(n, 2)`.
            size: Height and width of the result.

        Returns:
            float64, shape `(n, 2, 3)`: from (x, y, 1) in pixels of the result to (x, y) in pixels
            of the source.
        """
        motion = np.tile(np.eye(3), (len(samples), 1, 1))
        for operation, parameters in self._by_operation(samples).items():
            if isinstance(operation, Motion):
                motion = motion @ operation.matrices(parameters, *size)
        return pixel_maps(motion, sources, *size)

    def describe(self) -> list[str]:
        """Describe the plan in plain words with the ranges, one line per operation."""
        lines = [operation.describe() for operation in self.operations]
        if self.moves_pixels:
            level = f" {self.fill_level}" if self.fill == "constant" else ""
            lines.append(f"fills the area beyond the edges with {_FILL_WORDS[self.fill]}{level}")
        return lines or ["changes nothing"]

    def __str__(self) -> str:
        return "\n".join(self.describe())

    def _by_operation(self, samples: Samples) -> dict[Operation, Table]:
        """Return each operation's columns of the table."""
        operations = self.operations
        ends = np.cumsum([len(operation.columns) for operation in operations])
        tables = np.split(samples.values, ends[:-1], axis=1)
        return dict(zip(operations, tables, strict=True)) if operations else {}


def make_plan(settings: Mapping[str, Any]) -> Plan:
    """Make a plan from a mapping of operations to settings, as in a recipe or JSON.

    Example:
        `make_plan({"rotation": {"degrees": 40}, "flip": {"horizontal": True}})`

    Raises:
        RecipeError: A name is unknown, or a setting is invalid.
    """
    try:
        return Plan.model_validate(settings)
    except ValidationError as error:
        raise refusal(Plan, settings, error) from None


def _checked_canvas(
    pixels: Pictures,
    samples: Samples,
    size: tuple[int, int] | None,
    out: Picture | None,
) -> Picture:
    """Return the array for the result, after checking all types and shapes."""
    if len(pixels) != len(samples):
        raise UsageError(
            "Samples need one row for each picture.",
            expected=f"{len(pixels)} rows",
            received=f"{len(samples)} rows",
        )
    height, width, channels = _checked_shape(pixels)
    shape = (len(pixels), *(size or (height, width)), channels)
    if out is None:
        return np.empty(shape, np.uint8)
    if out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous:
        contiguous = "" if out.flags.c_contiguous else ", not contiguous"
        raise UsageError(
            "The result cannot be written to this array.",
            expected=f"uint8, shape {shape}, C-contiguous",
            received=f"{out.dtype}, shape {out.shape}{contiguous}",
        )
    return out


def _checked_shape(pixels: Pictures) -> tuple[int, int, int]:
    """Return height, width and channels of the first picture; all must have equal channels."""
    if isinstance(pixels, np.ndarray):
        arrays, dimensions, words = [pixels], 4, "(n, height, width, 1 or 3)"
    else:
        arrays, dimensions, words = list(pixels), 3, "(height, width, 1 or 3) each"
    for array in arrays:
        if array.dtype != np.uint8 or array.ndim != dimensions or array.shape[-1] not in (1, 3):
            raise UsageError(
                "Augmentation takes uint8 pictures of one or three channels.",
                expected=f"uint8, shape {words}",
                received=f"{array.dtype}, shape {array.shape}",
            )
    channels = sorted({array.shape[-1] for array in arrays})
    if len(channels) > 1:
        raise UsageError(
            "The pictures of a batch must have equally many channels.", received="1 and 3 channels"
        )
    height, width = arrays[0].shape[-3:-1] if arrays else (0, 0)
    return height, width, channels[0] if channels else 3
