"""The scalings of pixels that networks are trained with, by their usual names."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

ScalingName = Literal["0-255", "0-1", "-1-1", "caffe", "imagenet"]

# ImageNet's mean and standard deviation for R, G, B, as shares of 255; and its mean in levels, for
# networks from Caffe.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
CAFFE_MEAN = (123.68, 116.779, 103.939)


@dataclass(frozen=True)
class Scaling:
    """`levels · scale + offset`, with one number or one for each of R, G and B.

    Attributes:
        scale: The factors.
        offset: The summands.
        is_bgr: Whether the channels are reversed afterwards.
    """

    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    is_bgr: bool = False

    @property
    def needs_color(self) -> bool:
        """Whether it is defined for three channels only."""
        return self.is_bgr or len(self.offset) > 1

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Scale pictures of shape (n, height, width, channels), R, G, B from 0 to 255."""
        scale, offset = np.array(self.scale, np.float32), np.array(self.offset, np.float32)
        scaled = images.astype(np.float32) * scale + offset
        return np.asarray(scaled[..., ::-1] if self.is_bgr else scaled, np.float32)


SCALINGS: dict[ScalingName, Scaling] = {
    "0-255": Scaling(),
    "0-1": Scaling((1 / 255,)),
    "-1-1": Scaling((1 / 127.5,), (-1.0,)),
    "caffe": Scaling(offset=tuple(-mean for mean in CAFFE_MEAN), is_bgr=True),
    "imagenet": Scaling(
        tuple(1 / (255 * deviation) for deviation in DEVIATION),
        tuple(-mean / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True)),
    ),
}
