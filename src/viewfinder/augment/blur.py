"""Blur: pictures that are out of focus."""

from typing import Annotated, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from viewfinder.augment.records import Number, Operation, Probability, Table, limits


class Blur(Operation):
    """A Gaussian blur with the given probability, its sigma uniform from 0 to `sigma`.

    Sigma is a fraction of the picture's shorter side, so that a plan means the same at every
    size: 0.01 is 2.2 pixels at 224. Pixels beyond the edge are the nearest ones.
    """

    name: ClassVar[str] = "blur"
    columns: ClassVar[tuple[str, ...]] = ("blur.sigma",)
    draws: ClassVar[int] = 2

    sigma: Annotated[
        Number,
        limits(0, 0.1, "a fraction of the shorter side, from 0 to 0.1", remedy="as 0.01"),
    ]
    probability: Probability = 1.0

    @property
    def idle(self) -> bool:
        """True where sigma or the probability is 0."""
        return self.sigma == 0 or self.probability == 0

    def parameters(self, uniform: Table) -> Table:
        """Sigma as a fraction of the shorter side; 0 where the picture stays sharp."""
        chosen = uniform[:, :1] < self.probability
        return np.where(chosen, uniform[:, 1:] * self.sigma, 0.0)

    def describe(self) -> str:
        """The range in words."""
        share = "" if self.probability == 1 else f" {100 * self.probability:g} % of the pictures"
        return f"blurs{share} by a sigma of up to {100 * self.sigma:g} % of the shorter side"


def blur(canvas: NDArray[np.uint8], parameters: Table) -> None:
    """Blur the pictures `(n, h, w, C)` in place, each by its sigma."""
    sigmas = parameters[:, 0] * min(canvas.shape[1:3])
    for picture, sigma in zip(canvas, sigmas.tolist(), strict=True):
        if sigma > 0:
            cv2.GaussianBlur(picture, (0, 0), sigma, dst=picture, borderType=cv2.BORDER_REPLICATE)
