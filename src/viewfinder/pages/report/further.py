"""What a report shows beyond the files of a run: it needs the model and the pictures once more."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from viewfinder.evaluation.baselines import Baseline
from viewfinder.evaluation.slices import Slice


@dataclass(frozen=True, eq=False)
class Look:
    """Where the model looked in a picture, and the training picture that is nearest to it.

    Attributes:
        heat: The picture under its heat map, uint8 RGB, (height, width, 3).
        nearest: The locator of the nearest training picture; None where there is none.
        label: The class of that picture, or "".
        similarity: The cosine between the features of both pictures, -1 to 1.
    """

    heat: NDArray[np.uint8]
    nearest: str | None
    label: str
    similarity: float


@dataclass(frozen=True, eq=False)
class Further:
    """What `viewfinder evaluate` adds to the report of a training.

    Attributes:
        baselines: The results of the baselines on the headline split.
        slices: The slices of this split, the worst first.
        looks: By locator, for the surest mistakes.
        notes: What is missing, and why.
    """

    baselines: tuple[Baseline, ...] = ()
    slices: tuple[Slice, ...] = ()
    looks: Mapping[str, Look] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
