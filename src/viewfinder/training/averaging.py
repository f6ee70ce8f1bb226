"""The averaged weights of a training: in the model while it is judged and kept, out again after."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from viewfinder.training.norm_statistics import NormStatistics

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
