"""Random variation of the training pictures: planned once, sampled by the batch, applied fast.

The path, for a batch of pictures:

1. A :class:`Plan` says which operations there are (`policy("course")`, or from settings with
   :func:`make_plan`). It is checked when it is made, prints in plain words, and is part of the
   recipe.
2. `plan.sample(randomness, epoch, examples)` draws a table of parameters, a row a picture: how
   far each is turned, shifted, brightened. The numbers depend on the seed, the epoch and the
   picture's id alone.
3. `plan.apply(pixels, samples, size)` makes the pictures. All changes of place become one affine
   map, which does the last resize too, and one bilinear resampling (`geometry.py`, `pixels.py`);
   all changes of colour one map of colours (`color.py`); then `blur.py` and `erase.py`.

:class:`Mixing` blends whole pictures of a batch, and their labels; it is no part of a plan.

uint8 goes in and comes out.
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
