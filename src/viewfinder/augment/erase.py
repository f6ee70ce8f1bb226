"""Random erasing."""

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.augment.records import (
    Interval,
    Level,
    Operation,
    Probability,
    Table,
    pair,
    random_boxes,
    within,
)


class Erase(Operation):
    """A box of the picture is filled with `level`, with the given probability.

    Random erasing (Zhong et al., "Random erasing data augmentation", AAAI 2020) with one level
    for all channels; a ratio of (1, 1) gives cutout (DeVries and Taylor, arXiv 1708.04552) with a
    box inside the picture.
    """

    name: ClassVar[str] = "erase"
    columns: ClassVar[tuple[str, ...]] = ("erase.left", "erase.top", "erase.width", "erase.height")
    draws: ClassVar[int] = 5

    probability: Probability = 0.5
    area: Annotated[
        Interval,
        within(0.001, 1),
        pair("two fractions of the area from 0.001 to 1, as (0.02, 0.2)"),
    ] = (0.02, 0.2)
    ratio: Annotated[
        Interval, within(0.1, 10), pair("two ratios of width to height from 0.1 to 10, as (0.5, 2)")
    ] = (0.3, 1 / 0.3)
    level: Level = 127

    @override
    def parameters(self, uniform: Table) -> Table:
        """Return left, top, width and height of the box as fractions; all 0 without a box."""
        chosen = uniform[:, :1] < self.probability
        return np.where(chosen, random_boxes(uniform[:, 1:], self.area, self.ratio), 0.0)

    @override
    def describe(self) -> str:
        least, most = (100 * end for end in self.area)
        return (
            f"hides a box of {least:g} to {most:g} % of the area "
            f"in {100 * self.probability:g} % of the pictures"
        )


def erase(canvas: NDArray[np.uint8], parameters: Table, level: int) -> None:
    """Fill the boxes in place; `canvas` is `(n, h, w, C)`."""
    height, width = canvas.shape[1:3]
    corners = np.concatenate([parameters[:, :2], parameters[:, :2] + parameters[:, 2:]], axis=1)
    pixels = np.rint(corners * (width, height, width, height)).astype(int)
    for picture, (left, top, right, bottom) in zip(canvas, pixels.tolist(), strict=True):
        picture[top:bottom, left:right] = level
