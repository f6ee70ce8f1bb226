"""Learning rates over the steps of a training: with warm-up, and down again."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from viewfinder.recipe import Training

Logs = dict[str, float]

# The cosine ends at a hundredth: the last steps still move.
_COSINE_END = 0.01

# L. Smith and N. Topin, "Super-convergence", arXiv:1708.07120; the shares are those of PyTorch's
# OneCycleLR. Momentum does not cycle here.
_CYCLE_RISE, _CYCLE_START, _CYCLE_END = 0.3, 1 / 25, 1 / 250_000


def schedule_for(training: Training, steps: int) -> Any:
    """What an optimizer takes as its `learning_rate`: a number or a `RateSchedule`.

    Args:
        training: Names the schedule.
        steps: Batches in the whole training.
    """
    if training.schedule == "plateau":  # it is set from outside, by `PlateauRate`
        return training.learning_rate
    if training.schedule == "constant" and not training.warmup:
        return training.learning_rate
    return RateSchedule(
        training.schedule,
        peak=training.learning_rate,
        steps=steps,
        warmup=training.warmup,
        every=steps * training.decay_every / training.epochs,
        factor=training.decay_factor,
    )


class RateSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """The rate of each step, from its number alone: a resumed training goes on where it was.

    Args:
        kind: "constant", "cosine", "one-cycle" or "step".
        peak: The highest rate.
        steps: Batches in the whole training.
        warmup: The share of them in which the rate rises evenly from near 0 to the peak; for
            "one-cycle" the share of its own rise, by default 0.3.
        every: For "step": after how many steps, counted from the start, the rate falls.
        factor: For "step": what it is then multiplied by.
    """

    def __init__(
        self,
        kind: str,
        peak: float,
        steps: int,
        *,
        warmup: float = 0.0,
        every: float = 1.0,
        factor: float = 0.1,
    ) -> None:
        super().__init__()
        self.kind = kind
        self.peak = peak
        self.steps = steps
        self.warmup = warmup
        self.every = every
        self.factor = factor

    def __call__(self, step: Any) -> Any:
        """The rate of the step with this number, from 0: a scalar tensor, float32."""
        step = ops.cast(step, "float32")
        if self.kind == "one-cycle":
            return self._one_cycle(step)
        rise = round(self.warmup * self.steps)
        after = {"constant": self._constant, "cosine": self._cosine, "step": self._step}[self.kind]
        rate = after(step, rise)
        # The first step is not at 0: it would teach nothing.
        return ops.minimum((step + 1) / (rise + 1), 1.0) * rate if rise else rate

    def get_config(self) -> dict[str, Any]:
        """The settings, for Keras."""
        names = ("kind", "peak", "steps", "warmup", "every", "factor")
        return {name: getattr(self, name) for name in names}

    def _constant(self, step: Any, rise: int) -> Any:  # noqa: ARG002
        return ops.full_like(step, self.peak)

    def _cosine(self, step: Any, rise: int) -> Any:
        way = ops.clip((step - rise) / max(self.steps - rise, 1), 0.0, 1.0)
        height = 0.5 * (1 + ops.cos(math.pi * way))
        return self.peak * (_COSINE_END + (1 - _COSINE_END) * height)

    def _step(self, step: Any, rise: int) -> Any:  # noqa: ARG002
        return self.peak * ops.power(self.factor, ops.floor(step / self.every))

    def _one_cycle(self, step: Any) -> Any:
        top = max((self.warmup or _CYCLE_RISE) * self.steps, 1.0)
        up = ops.clip(step / top, 0.0, 1.0)
        down = ops.clip((step - top) / max(self.steps - 1 - top, 1.0), 0.0, 1.0)
        rising = 1 - (1 - _CYCLE_START) * 0.5 * (1 + ops.cos(math.pi * up))
        falling = _CYCLE_END + (1 - _CYCLE_END) * 0.5 * (1 + ops.cos(math.pi * down))
        return self.peak * ops.where(step < top, rising, falling)


class PlateauRate(keras.callbacks.Callback):
    """Lowers the rate whenever a metric has not fallen for some epochs; warms up before, by epoch.

    The rate is in the optimizer: a checkpoint of it and of `get_state` resumes.

    Args:
        training: Names rate, warm-up, factor and patience (`decay_every`).
        monitor: The metric, of which lower is better.

    Attributes:
        best: The lowest value so far; None before the first.
        waited: Epochs since then, or since the rate was last lowered.
    """

    def __init__(self, training: Training, monitor: str = "val_loss") -> None:
        super().__init__()
        self.best: float | None = None
        self.waited = 0
        self._training = training
        self._rise = math.ceil(training.warmup * training.epochs)
        self._monitor = monitor

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Rise, while the warm-up lasts."""
        if epoch <= self._rise:
            share = min((epoch + 1) / (self._rise + 1), 1.0)
            self.model.optimizer.learning_rate = self._training.learning_rate * share

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Lower the rate if the metric has not fallen for long enough."""
        value = (logs or {})[self._monitor]
        if self.best is None or value < self.best:
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited >= self._training.decay_every and epoch >= self._rise:
            rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
            self.model.optimizer.learning_rate = rate * self._training.decay_factor
            self.waited = 0

    def get_state(self) -> dict[str, Any]:
        """The lowest value so far, and the epochs since then."""
        return {"best": self.best, "waited": self.waited}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on waiting."""
        self.best, self.waited = state["best"], state["waited"]


def set_rates(optimizer: keras.optimizers.Optimizer, shares: Mapping[str, float]) -> None:
    """Let an optimizer take smaller steps for some weights.

    Its class stays Keras's own, so that a model saved with it loads anywhere.

    Args:
        optimizer: It is changed. Backends' own ways to update all weights in one step are left.
        shares: By a variable's path, the share of the learning rate that it gets; 1 for others.
    """
    step = type(optimizer).update_step

    def update_step(gradient: Any, variable: Any, learning_rate: Any) -> None:
        # TensorFlow gives its own variables here, which know nothing of layers.
        known = optimizer._trainable_variables[optimizer._get_variable_index(variable)]
        step(optimizer, gradient, variable, learning_rate * shares.get(known.path, 1.0))

    def update_each(gradients: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> None:
        for gradient, variable in zip(gradients, variables, strict=True):
            update_step(gradient, variable, learning_rate)

    optimizer.update_step = update_step
    # On PyTorch this one updates all weights in a single call, at one learning rate.
    if keras.backend.backend() == "torch":
        optimizer._backend_update_step = update_each
