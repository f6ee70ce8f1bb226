"""Averaged weights, and the other callbacks and class weights that a recipe adds to `fit`.

`companions_of` reads a recipe; `AveragedWeights` validates and saves the moving average of the
weights; `NormStatistics` measures batch norm's means and variances under that average.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.augment import policy
from viewfinder.augment.batches import Batches
from viewfinder.bases.networks.layers import all_layers
from viewfinder.recipe import Recipe
from viewfinder.training.adapters import Feed, Logs
from viewfinder.training.checkpoint import assign, values_of
from viewfinder.training.losses import class_weights
from viewfinder.training.schedules import PlateauRate

# Batch norm's statistics average over every position of each picture, so few pictures are enough.
# In a large dataset, a forward pass of 1/16 of the pictures costs little beside an epoch.
_MIN_MEASURED, _SHARE_MEASURED = 512, 1 / 16


@dataclass(frozen=True)
class Companions:
    """What a recipe adds to `fit`.

    Attributes:
        callbacks: For `model.fit`, after the callbacks that write the history.
        as_kept: A context in which the model has the weights that are validated and saved.
        class_weights: Weights of the classes in the training loss, float32, shape (classes,); None
            for equal weights.
    """

    callbacks: tuple[keras.callbacks.Callback, ...]
    as_kept: Callable[[], AbstractContextManager[Any]]
    class_weights: NDArray[np.float32] | None


def companions_of(recipe: Recipe, train: Feed) -> Companions:
    """Return what the recipe adds to a fit on these batches."""
    training = recipe.steps
    callbacks: list[keras.callbacks.Callback] = []
    as_kept: Callable[[], AbstractContextManager[Any]] = nullcontext
    if training.schedule.kind == "plateau":
        callbacks.append(PlateauRate(training))
    if training.average_epochs:
        averaged = AveragedWeights(lambda: _unvaried_pictures(train))
        callbacks.append(averaged)
        as_kept = averaged.in_model
    weights = None
    if training.balance == "weights":
        weights = class_weights(train.labels, int(train.labels.max()) + 1)
    return Companions(tuple(callbacks), as_kept, weights)


def _unvaried_pictures(train: Feed) -> Iterator[NDArray[Any]]:
    """Yield batches of the same training pictures on each call, not augmented or blended.

    Erased boxes and closer crops change the statistics of a picture; norms measured on them make
    the network less accurate on whole pictures.
    """
    if isinstance(train, Batches):
        train = replace(train, plan=policy("none"), mixup=0.0)
    pictures = max(_MIN_MEASURED, round(_SHARE_MEASURED * len(train.labels)))
    batches = -(-pictures // train.batch_size)
    for batch in islice(train.epoch(0), batches):
        yield batch.images


class AveragedWeights(keras.callbacks.Callback):
    """Validates and saves the moving average of the weights instead of the last step's weights.

    The optimizer averages (`use_ema`), within its compiled step. Keras's own `SwapEMAWeights` swaps
    by adding and subtracting, which rounds, and leaves batch norm with the statistics of other
    weights. This callback copies the weights, and measures the norms' statistics under the average
    (as in Izmailov and others 2018, arXiv:1803.05407).

    Outside of validation and `in_model`, the model has the weights that train, so that a
    checkpoint of model and optimizer resumes exactly. When the training ends, the model keeps the
    average.

    Args:
        batches: Returns batches of training pictures for the norms' statistics, not augmented:
            uint8, shape (n, height, width, channels), each.
    """

    def __init__(self, batches: Callable[[], Iterable[NDArray[np.uint8]]]) -> None:
        super().__init__()
        self._batches = batches
        self._average: list[NDArray[Any]] | None = None
        self._trained: list[NDArray[Any]] | None = None
        self._statistics: NormStatistics | None = None

    @override
    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._average = None

    @override
    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._enter()

    @override
    def on_test_end(self, logs: Logs | None = None) -> None:
        self._leave()

    @override
    def on_train_end(self, logs: Logs | None = None) -> None:
        self._enter()

    @contextmanager
    def in_model(self) -> Iterator[None]:
        """Give the model its averaged weights inside the block."""
        is_averaged = self._trained is not None
        self._enter()
        try:
            yield
        finally:
            if not is_averaged:
                self._leave()

    def _enter(self) -> None:
        """Assign the average; measure its norms' statistics once after each training step."""
        if self._trained is not None or not self.model.optimizer.built:
            return
        self._trained = values_of(self.model.variables)
        if self._average is not None:
            assign(self.model.variables, self._average)
            return
        assign(self.model.trainable_variables, values_of(_averages(self.model.optimizer)))
        if self._statistics is None:
            self._statistics = NormStatistics(self.model)
        self._statistics.measure(self._batches())
        self._average = values_of(self.model.variables)

    def _leave(self) -> None:
        if self._trained is not None:
            assign(self.model.variables, self._trained)
            self._trained = None


def _averages(optimizer: Any) -> list[Any]:
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # within a LossScaleOptimizer
    averages: list[Any] = optimizer._model_variables_moving_average
    return averages


class NormStatistics:
    """Measures the means and variances of a model's batch norms.

    The forward pass is one compiled function, compiled once: layer by layer, a measurement took a
    fifth of a short epoch.

    Args:
        model: Built. Frozen norms keep their statistics.
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
        """Set each norm's mean and variance to their averages over these batches.

        Nothing else in the model changes, not even the state of its dropout seeds.

        Args:
            batches: Pictures, uint8, shape (n, height, width, channels), each.
        """
        if not self._norms:
            return
        variables = self._model.non_trainable_variables
        in_norms = {id(value) for norm in self._norms for value in norm.non_trainable_variables}
        indices = [index for index, value in enumerate(variables) if id(value) in in_norms]
        momenta = [norm.momentum for norm in self._norms]
        sums, count = [np.zeros(variables[index].shape) for index in indices], 0
        try:
            for norm in self._norms:
                norm.momentum = 0.0  # a batch then replaces the moving statistics with its own
            for images in batches:
                after = self._after_batch(
                    [variable.value for variable in self._model.trainable_variables],
                    [variable.value for variable in variables],
                    ops.convert_to_tensor(images),
                )
                count += 1
                for total, index in zip(sums, indices, strict=True):
                    total += ops.convert_to_numpy(after[index])
        finally:
            for norm, momentum in zip(self._norms, momenta, strict=True):
                norm.momentum = momentum
        for total, index in zip(sums, indices, strict=True):
            variables[index].assign(total / count)

    def _forward(self, trainable: list[Any], fixed: list[Any], images: Any) -> list[Any]:
        """Return the values of the non-trainable variables after a batch."""
        _, after = self._model.stateless_call(trainable, fixed, images, training=True)
        return list(after)


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile the function; on PyTorch compiling takes longer than it saves."""
    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            return tf.function(function)  # type: ignore[no-any-return]
        case "jax":
            import jax

            return jax.jit(function)  # type: ignore[no-any-return]
    return function
