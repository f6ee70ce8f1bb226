"""The averaged weights of a training: in the model while it is judged and kept, out again after."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from viewfinder.augment import policy
from viewfinder.bases.networks.layers import all_layers
from viewfinder.batches.pictures import Batches
from viewfinder.recipe import Recipe
from viewfinder.training.adapters import Feed
from viewfinder.training.losses import class_weights
from viewfinder.training.schedules import PlateauRate


class NormStatistics:
    """Measures the means and variances of a model's batch norms.

    The model is asked as one compiled function, which is kept: layer by layer, a measurement took
    a fifth of a short epoch.

    Args:
        model: Built. Norms that are frozen keep what they came with.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._norms = [
            layer
            for layer in all_layers(model)
            if isinstance(layer, layers.BatchNormalization) and layer.trainable
        ]
        self._after_batch = _compiled(self._forward)

    def measure(self, batches: Iterable[NDArray[np.uint8]]) -> None:
        """Set each norm's mean and variance to their means over these batches.

        Args:
            batches: Pictures, uint8, shape (n, height, width, channels), each. Nothing else in the
                model changes: not even the numbers that its dropout will draw.
        """
        if not self._norms:
            return
        variables = self._model.non_trainable_variables
        of_norms = {id(one) for norm in self._norms for one in norm.non_trainable_variables}
        places = [place for place, one in enumerate(variables) if id(one) in of_norms]
        momenta = [norm.momentum for norm in self._norms]
        sums, count = [np.zeros(variables[place].shape) for place in places], 0
        try:
            for norm in self._norms:
                norm.momentum = 0.0  # after a batch they have its own statistics
            for images in batches:
                after = self._after_batch(
                    [one.value for one in self._model.trainable_variables],
                    [one.value for one in variables],
                    ops.convert_to_tensor(images),
                )
                count += 1
                for total, place in zip(sums, places, strict=True):
                    total += ops.convert_to_numpy(after[place])
        finally:
            for norm, momentum in zip(self._norms, momenta, strict=True):
                norm.momentum = momentum
        for total, place in zip(sums, places, strict=True):
            variables[place].assign(total / count)

    def _forward(self, trainable: list[Any], fixed: list[Any], images: Any) -> list[Any]:
        """What the variables that are not trained would be after a batch."""
        _, after = self._model.stateless_call(trainable, fixed, images, training=True)
        return list(after)


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as one of the backend's; PyTorch has none that is worth its wait."""
    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            return tf.function(function)  # type: ignore[no-any-return]
        case "jax":
            import jax

            return jax.jit(function)  # type: ignore[no-any-return]
    return function


Logs = dict[str, float]
Values = list[NDArray[Any]]


class AveragedWeights(keras.callbacks.Callback):
    """Validates and keeps the weights' moving average instead of the weights of the last step.

    The optimizer averages (`use_ema`), within its compiled step. Keras's own `SwapEMAWeights` swaps
    by adding and subtracting, which rounds, and leaves batch norm with the statistics of other
    weights. Here weights are copied, and the norms' statistics are measured anew under the average
    (as in Izmailov and others 2018, arXiv:1803.05407).

    Outside of validation and `in_model`, the model has the weights that are being trained, so that
    a checkpoint of model and optimizer resumes exactly. When the training ends, the average stays.

    Args:
        batches: Gives training pictures for the norms' statistics, as the model will be asked for
            them: not varied.
    """

    def __init__(self, batches: Callable[[], Iterable[NDArray[np.uint8]]]) -> None:
        super().__init__()
        self._batches = batches
        self._average: Values | None = None
        self._trained: Values | None = None
        self._statistics: NormStatistics | None = None

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """The average that was measured is out of date."""
        self._average = None

    def on_test_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Judge the average."""
        self._enter()

    def on_test_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Go on training where it was."""
        self._leave()

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Leave the average in the model. To be called also where the training was broken off."""
        self._enter()

    @contextmanager
    def in_model(self) -> Iterator[None]:
        """Within, the model is the averaged one, to be saved or asked."""
        is_in_already = self._trained is not None
        self._enter()
        try:
            yield
        finally:
            if not is_in_already:
                self._leave()

    def _enter(self) -> None:
        """Swap the average in, its norms' statistics measured if that has not been done yet."""
        if self._trained is not None or not self.model.optimizer.built:
            return
        self._trained = _values(self.model.variables)
        if self._average is not None:
            _assign(self.model.variables, self._average)
            return
        averages = _averages(self.model.optimizer)
        _assign(self.model.trainable_variables, _values(averages))
        if self._statistics is None:
            self._statistics = NormStatistics(self.model)
        self._statistics.measure(self._batches())
        self._average = _values(self.model.variables)

    def _leave(self) -> None:
        if self._trained is not None:
            _assign(self.model.variables, self._trained)
            self._trained = None


def _averages(optimizer: Any) -> list[Any]:
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # within a LossScaleOptimizer
    averages: list[Any] = optimizer._model_variables_moving_average
    return averages


def _values(variables: Iterable[Any]) -> Values:
    return [np.array(keras.ops.convert_to_numpy(one)) for one in variables]


def _assign(variables: Iterable[Any], values: Values) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


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
