"""Learning rates: warm-up and schedule over the steps of a training, and shares by layer."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops
from pydantic import TypeAdapter
from typing_extensions import override

from viewfinder.recipe import Constant, Cosine, OneCycle, Plateau, StepDecay, Steps
from viewfinder.recipe.optimizing import Schedule
from viewfinder.training.adapters import Logs

# The cosine ends at a hundredth of the peak, so that the last steps still change the weights.
_COSINE_END = 0.01

# L. Smith and N. Topin, "Super-convergence", arXiv:1708.07120; the shares are those of PyTorch's
# OneCycleLR. Momentum does not cycle here.
_CYCLE_START, _CYCLE_END = 1 / 25, 1 / 250_000

_SCHEDULES: TypeAdapter[Schedule] = TypeAdapter(Schedule)


def schedule_for(training: Steps, steps: int) -> Any:
    """Return an optimizer's `learning_rate`: a number or a `RateSchedule`.

    Args:
        training: The settings.
        steps: Batches in the whole training.
    """
    schedule, peak = training.schedule, training.optimizer.learning_rate
    if isinstance(schedule, Plateau):  # `PlateauRate` sets it
        return peak
    if isinstance(schedule, Constant) and not schedule.warmup:
        return peak
    return RateSchedule(schedule, peak, steps, training.epochs)


class RateSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """The rate of each step, a function of the step alone, so that a training resumes exactly.

    Args:
        schedule: Kind and settings, as a record or a mapping; any kind but "plateau".
        peak: The highest rate.
        steps: Batches in the whole training.
        epochs: Epochs in the whole training.
    """

    def __init__(
        self, schedule: Schedule | Mapping[str, Any], peak: float, steps: int, epochs: int
    ) -> None:
        super().__init__()
        self.schedule = _SCHEDULES.validate_python(schedule)
        self.peak = peak
        self.steps = steps
        self.epochs = epochs

    @override
    def __call__(self, step: Any) -> Any:
        """Return the rate of a step, from 0: a scalar tensor, float32."""
        step, schedule = ops.cast(step, "float32"), self.schedule
        if isinstance(schedule, OneCycle):
            return self.peak * self._one_cycle(step, schedule.rise)
        rise = round(schedule.warmup * self.steps)
        rate = self.peak * self._share(step, rise)
        # A first step at rate 0 would change nothing.
        return ops.minimum((step + 1) / (rise + 1), 1.0) * rate if rise else rate

    @override
    def get_config(self) -> dict[str, Any]:
        settings = {"peak": self.peak, "steps": self.steps, "epochs": self.epochs}
        return {"schedule": self.schedule.model_dump(), **settings}

    def _share(self, step: Any, rise: int) -> Any:
        """Return the share of the peak at a step, without the warm-up of `rise` steps."""
        schedule = self.schedule
        if isinstance(schedule, Cosine):
            done = ops.clip((step - rise) / max(self.steps - rise, 1), 0.0, 1.0)
            return _COSINE_END + (1 - _COSINE_END) * 0.5 * (1 + ops.cos(math.pi * done))
        if isinstance(schedule, StepDecay):
            every = self.steps * schedule.decay_every / self.epochs
            return ops.power(schedule.decay_factor, ops.floor(step / every))
        return ops.ones_like(step)

    def _one_cycle(self, step: Any, rise: float) -> Any:
        top = max(rise * self.steps, 1.0)
        up = ops.clip(step / top, 0.0, 1.0)
        down = ops.clip((step - top) / max(self.steps - 1 - top, 1.0), 0.0, 1.0)
        rising = 1 - (1 - _CYCLE_START) * 0.5 * (1 + ops.cos(math.pi * up))
        falling = _CYCLE_END + (1 - _CYCLE_END) * 0.5 * (1 + ops.cos(math.pi * down))
        return ops.where(step < top, rising, falling)


class PlateauRate(keras.callbacks.Callback):
    """Lowers the rate when a metric has not fallen for some epochs, after a warm-up by epoch.

    The optimizer has the rate, so a checkpoint of the optimizer and `get_state` resume it.

    Args:
        training: Settings with the schedule "plateau".
        monitor: A metric for which lower is better.

    Attributes:
        best: The lowest value so far; None before the first epoch has ended.
        waited: Epochs since the lowest value, or since the rate was last lowered.
    """

    def __init__(self, training: Steps, monitor: str = "val_loss") -> None:
        super().__init__()
        assert isinstance(training.schedule, Plateau)
        self.best: float | None = None
        self.waited = 0
        self._schedule = training.schedule
        self._peak = training.optimizer.learning_rate
        self._rise = math.ceil(training.schedule.warmup * training.epochs)
        self._monitor = monitor

    @override
    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if epoch <= self._rise:
            share = min((epoch + 1) / (self._rise + 1), 1.0)
            self.model.optimizer.learning_rate = self._peak * share

    @override
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = (logs or {})[self._monitor]
        if self.best is None or value < self.best:
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited >= self._schedule.decay_every and epoch >= self._rise:
            rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
            self.model.optimizer.learning_rate = rate * self._schedule.decay_factor
            self.waited = 0

    def get_state(self) -> dict[str, Any]:
        """Return the state for a checkpoint, in JSON types."""
        return {"best": self.best, "waited": self.waited}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the state from a checkpoint."""
        self.best, self.waited = state["best"], state["waited"]


def set_rates(optimizer: keras.optimizers.Optimizer, shares: Mapping[str, float]) -> None:
    """Scale the learning rate of some weights.

    The optimizer keeps Keras's own class, so that a model saved with it loads anywhere.

    Args:
        optimizer: Changed in place.
        shares: Factors of the learning rate, by a variable's path; other variables have 1.
    """
    step = type(optimizer).update_step

    def update_step(gradient: Any, variable: Any, learning_rate: Any) -> None:
        # TensorFlow passes its own variables here, which lack the layer's path.
        layer_variable = optimizer._trainable_variables[optimizer._get_variable_index(variable)]
        step(optimizer, gradient, variable, learning_rate * shares.get(layer_variable.path, 1.0))

    def update_each(gradients: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> None:
        for gradient, variable in zip(gradients, variables, strict=True):
            update_step(gradient, variable, learning_rate)

    optimizer.update_step = update_step
    # On PyTorch, Keras updates all weights in a single call, at one learning rate.
    if keras.backend.backend() == "torch":
        optimizer._backend_update_step = update_each
