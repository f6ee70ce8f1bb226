"""Random augmentation of training pictures: planned once, sampled and applied by the batch.

For a batch of pictures:

1. A :class:`Plan` lists the operations (`policy("course")`, or :func:`make_plan` from settings).
   It is validated on construction, prints as plain text, and is part of the recipe.
2. `plan.sample(randomness, epoch, examples)` draws a table of parameters, a row per picture:
   angles, shifts, factors. They depend on the seed, the epoch and the picture's id alone.
3. `plan.apply(pixels, samples, size)` computes the pictures. All geometric operations become one
   affine map, which includes the final resize, and one bilinear resampling (`geometry.py`,
   `pixels.py`); all colour operations become one colour map (`color.py`); `blur.py` and `erase.py`
   follow.

:class:`Mixing` blends whole pictures of a batch, and their labels; it is not part of a plan.

Pictures are uint8 throughout.
"""

from viewfinder.augment.blur import Blur
from viewfinder.augment.color import (
    Brightness,
    ChannelMix,
    ChannelShift,
    Contrast,
    Grayscale,
    Hue,
    Saturation,
)
from viewfinder.augment.erase import Erase
from viewfinder.augment.geometry import Flip, RandomResizedCrop, Rotation, Shear, Shift, Zoom
from viewfinder.augment.mixing import Mixing
from viewfinder.augment.plan import Plan, make_plan
from viewfinder.augment.policies import POLICIES, policy
from viewfinder.augment.records import Operation, Samples

__all__ = [
    "POLICIES",
    "Blur",
    "Brightness",
    "ChannelMix",
    "ChannelShift",
    "Contrast",
    "Erase",
    "Flip",
    "Grayscale",
    "Hue",
    "Mixing",
    "Operation",
    "Plan",
    "RandomResizedCrop",
    "Rotation",
    "Samples",
    "Saturation",
    "Shear",
    "Shift",
    "Zoom",
    "make_plan",
    "policy",
]
