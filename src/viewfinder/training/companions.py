"""What a recipe needs beside a compiled model while it is fitted."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from viewfinder.recipe import Recipe
from viewfinder.training.adapters import Feed
from viewfinder.training.averaging import PICTURES, AveragedWeights
from viewfinder.training.losses import class_weights
from viewfinder.training.schedules import PlateauRate


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
        averaged = AveragedWeights(lambda: _few_pictures(train))
        callbacks.append(averaged)
        as_kept = averaged.in_model
    weights = None
    if training.balance == "weights":
        weights = class_weights(train.labels, int(train.labels.max()) + 1)
    return Companions(tuple(callbacks), as_kept, weights)


def _few_pictures(train: Feed) -> Iterator[NDArray[np.uint8]]:
    """The same training pictures whenever they are asked for, varied as in training."""
    batches = -(-PICTURES // train.batch_size)
    for batch in islice(train.epoch(0), batches):
        yield batch.images
