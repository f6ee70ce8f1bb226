"""What a recipe needs beside a compiled model while it is fitted."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from viewfinder.augment import policy
from viewfinder.batches import Batches
from viewfinder.recipe import Recipe
from viewfinder.training.adapters import Feed
from viewfinder.training.averaging import AveragedWeights
from viewfinder.training.losses import class_weights
from viewfinder.training.schedules import PlateauRate

# A batch norm's mean and variance count each picture at every position, so that few are enough;
# where there are many, a forward pass of a few more costs nothing beside an epoch.
_FEWEST_MEASURED, _SHARE_MEASURED = 512, 1 / 16


@dataclass(frozen=True)
class Companions:
    """What `fit` takes along for a recipe.

    Attributes:
        callbacks: For `model.fit`, after those that keep the history.
        as_kept: Within it, the model has the weights that are validated and kept.
        class_weights: For the training pictures, float32, shape (classes,); None: all count 1.
    """

    callbacks: tuple[keras.callbacks.Callback, ...]
    as_kept: Callable[[], AbstractContextManager[Any]]
    class_weights: NDArray[np.float32] | None


def companions_of(recipe: Recipe, train: Feed) -> Companions:
    """The recipe's companions for training on these batches."""
    training = recipe.training
    callbacks: list[keras.callbacks.Callback] = []
    as_kept: Callable[[], AbstractContextManager[Any]] = nullcontext
    if training.schedule == "plateau":
        callbacks.append(PlateauRate(training))
    if training.average_epochs:
        averaged = AveragedWeights(lambda: _plain_pictures(train))
        callbacks.append(averaged)
        as_kept = averaged.in_model
    weights = None
    if training.balance == "weights":
        weights = class_weights(train.labels, int(train.labels.max()) + 1)
    return Companions(tuple(callbacks), as_kept, weights)


def _plain_pictures(train: Feed) -> Iterator[NDArray[Any]]:
    """The same training pictures whenever they are asked for, as a model is asked for them.

    Not varied or blended: a picture that a box hides, or that is cut closer, has other statistics,
    with which a network answers whole pictures worse than those that it was trained on.
    """
    if isinstance(train, Batches):
        train = replace(train, plan=policy("none"), mixup=0.0)
    pictures = max(_FEWEST_MEASURED, round(_SHARE_MEASURED * len(train.labels)))
    batches = -(-pictures // train.batch_size)
    for batch in islice(train.epoch(0), batches):
        yield batch.images
