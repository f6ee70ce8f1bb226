"""Gaussian blur."""

from typing import Annotated, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.augment.records import Number, Operation, Probability, Table, limits


class Blur(Operation):
    """A Gaussian blur with the given probability, of a sigma uniform from 0 to `sigma`.

    Sigma is a fraction of the picture's shorter side, so that a plan has the same effect at every
    size: 0.01 is 2.2 pixels at 224. Pixels beyond the edge repeat the nearest ones.
    """

    name: ClassVar[str] = "blur"
    columns: ClassVar[tuple[str, ...]] = ("blur.sigma",)
    draws: ClassVar[int] = 2

    sigma: Annotated[
        Number,
        limits(0, 0.1, "a fraction of the shorter side, from 0 to 0.1", remedy="as 0.01"),
    ]
    probability: Probability = 1.0

    @override
    def parameters(self, uniform: Table) -> Table:
        """Return sigma as a fraction of the shorter side; 0 without a blur."""
        chosen = uniform[:, :1] < self.probability
        return np.where(chosen, uniform[:, 1:] * self.sigma, 0.0)

    @override
    def describe(self) -> str:
        share = "" if self.probability == 1 else f" {100 * self.probability:g} % of the pictures"
        return f"blurs{share} by a sigma of up to {100 * self.sigma:g} % of the shorter side"


def blur(canvas: NDArray[np.uint8], parameters: Table) -> None:
    """Blur each picture of `(n, h, w, C)` in place by its sigma."""
    sigmas = parameters[:, 0] * min(canvas.shape[1:3])
    for picture, sigma in zip(canvas, sigmas.tolist(), strict=True):
        if sigma > 0:
            cv2.GaussianBlur(picture, (0, 0), sigma, dst=picture, borderType=cv2.BORDER_REPLICATE)
