"""What cropping does to training: models of whole and of cropped pictures, on the same pictures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.pairs import mcnemar_p, on_one_only
from viewfinder.core.shares import Figure, Jsonable, share
from viewfinder.evaluation.significance import mean_interval

_LEVEL = 0.05


@dataclass(frozen=True)
class SeedResult(Jsonable):
    """The models of one seed.

    Attributes:
        whole: The accuracy of the model that was trained on whole pictures, on whole pictures.
        cropped: The accuracy of the model that was trained on crops, on crops.
        only_whole: Pictures that only the first answers rightly.
        only_cropped: Pictures that only the second answers rightly.
        p: Of McNemar's exact test between both.
    """

    whole: Figure
    cropped: Figure
    only_whole: int
    only_cropped: int
    p: float


@dataclass(frozen=True)
class CropTraining(Jsonable):
    """The comparison over all seeds.

    Attributes:
        count: The number of pictures.
        seeds: The result of each seed.
        more_whole: Pictures that more of the models of whole pictures answer rightly.
        more_cropped: Pictures that more of the models of crops answer rightly.
        difference: The mean accuracy on crops minus that on whole pictures, from -1 to 1.
        interval: Its 95 % interval: a bootstrap over pictures.
        p: Of the exact sign test between `more_whole` and `more_cropped`. A picture counts once,
            because the answers of several models for one picture are not independent.
    """

    count: int
    seeds: tuple[SeedResult, ...]
    more_whole: int
    more_cropped: int
    difference: float
    interval: tuple[float, float]
    p: float

    @property
    def sentence(self) -> str:
        """The result as a sentence."""
        if self.p >= _LEVEL:
            return "Training on whole pictures and on crops cannot be told apart on these pictures."
        better = "crops" if self.more_cropped > self.more_whole else "whole pictures"
        return f"Training on {better} answers more of these pictures rightly."


def compare_crop_training(whole: NDArray[np.bool_], cropped: NDArray[np.bool_]) -> CropTraining:
    """Compare models of whole pictures and of crops on the same pictures.

    Args:
        whole: Whether each model of whole pictures is right on each, shape (seeds, n).
        cropped: The same for the models of crops.
    """
    count = whole.shape[1]
    seeds = []
    for first, second in zip(whole, cropped, strict=True):
        only = on_one_only(first, second)
        accuracies = share(int(first.sum()), count), share(int(second.sum()), count)
        seeds.append(SeedResult(*accuracies, *only, mcnemar_p(*only)))
    lead = cropped.sum(axis=0) - whole.sum(axis=0)
    more = int((lead < 0).sum()), int((lead > 0).sum())
    differences = lead / len(whole)
    return CropTraining(
        count,
        tuple(seeds),
        *more,
        float(differences.mean()),
        mean_interval(differences),
        mcnemar_p(*more),
    )
