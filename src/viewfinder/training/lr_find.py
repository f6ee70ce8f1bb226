"""The learning rate range test: raises the rate from step to step, and records the loss.

L. Smith, "Cyclical learning rates for training neural networks", arXiv:1506.01186, section 3.3;
the smoothing, the stopping rule and the suggestion follow fastai.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from viewfinder.augment.batches import Batch
from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.training.adapters import Feed
from viewfinder.training.memory import is_out_of_memory, out_of_memory
from viewfinder.training.step import fused_norms

# The momentum of the smoothed loss, and the multiple of its minimum at which the test stops.
_SMOOTHING = 0.9
_DIVERGENCE = 4.0

RULE = "a tenth of the rate at which the smoothed loss was lowest"


@dataclass(frozen=True, eq=False)
class RangeTest:
    """The outcome of a range test.

    Attributes:
        rates: The learning rate of each step, float64, shape (n,), rising.
        losses: The loss of each step's batch before the step, float64, shape (n,).
        smoothed: The losses' bias-corrected exponential average, float64, shape (n,).
        diverged: Whether the test ended early: the smoothed loss rose above four times its
            minimum, or the loss was not finite.
        suggestion: The suggested learning rate, by `RULE`.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    diverged: bool
    suggestion: float

    def to_json(self) -> dict[str, Any]:
        """Return the outcome in JSON types, as `viewfinder lr-find --json` prints it."""
        return {
            "suggestion": self.suggestion,
            "rule": RULE,
            "diverged": self.diverged,
            "rates": self.rates.tolist(),
            "losses": self.losses.tolist(),
            "smoothed": self.smoothed.tolist(),
        }


def range_test(
    model: keras.Model,
    train: Feed,
    *,
    low: float = 1e-6,
    high: float = 1.0,
    steps: int = 100,
    progress: Progress | None = None,
) -> RangeTest:
    """Train a compiled model with an exponentially rising rate, then restore its weights.

    Args:
        model: Compiled with a number as learning rate, not a schedule.
        train: Training batches, of pictures or of features, repeated as often as needed.
        low: The first rate.
        high: The last rate.
        steps: The number of steps, at least 10.
        progress: Shows the steps done.

    Raises:
        UsageError: The rates or the number of steps are out of range.
        DataError: The loss never fell, so there is no suggestion.
        OutOfMemory: A batch is too large; the message names a batch size that fits.
    """
    if not (0 < low < high and steps >= 10):
        raise UsageError(
            "The range of learning rates is invalid.",
            expected="0 < low < high, and at least 10 steps",
            received=f"low = {low:g}, high = {high:g}, steps = {steps}",
        )
    rates = np.geomspace(low, high, steps)
    progress = progress or Progress(0)
    initial = [np.array(weight) for weight in model.get_weights()]
    try:
        with fused_norms(model):
            losses, diverged = _losses(model, train, rates, progress)
    except Exception as error:
        if is_out_of_memory(error):
            raise out_of_memory(model, train, progress.say) from error
        raise
    finally:
        model.set_weights(initial)
    return read_curve(rates[: len(losses)], losses, diverged=diverged)


def read_curve(
    rates: NDArray[np.float64], losses: NDArray[np.float64], *, diverged: bool = False
) -> RangeTest:
    """Smooth the losses and derive the suggested rate.

    Args:
        rates: Rising rates, shape (n,).
        losses: Finite losses, shape (n,).
        diverged: Whether the loss ended the test.

    Raises:
        DataError: The smoothed loss never fell.
    """
    smoothed = _smooth(losses)
    lowest = int(smoothed.argmin()) if len(smoothed) else 0
    if lowest == 0:
        raise DataError(
            "The loss never fell, so no learning rate can be suggested.",
            expected="a smoothed loss that falls before it rises",
            received=f"{smoothed[0]:.4g} at {rates[0]:.2g}, and not lower at any higher rate"
            if len(smoothed)
            else "no finite loss",
            remedy="a lower first rate (`low`), more steps, or an audit of the data",
        )
    return RangeTest(
        rates=rates,
        losses=losses,
        smoothed=smoothed,
        diverged=diverged,
        suggestion=float(f"{rates[lowest] / 10:.2g}"),
    )


def _losses(
    model: keras.Model, train: Feed, rates: NDArray[np.float64], progress: Progress
) -> tuple[NDArray[np.float64], bool]:
    """Return the loss of each step until it diverges, and whether it diverged."""
    losses: list[float] = []
    batches = _endless(train)
    for rate in progress.track(iter(rates), "Range test (steps)", len(rates)):
        batch = next(batches)
        model.optimizer.learning_rate = float(rate)
        model.reset_metrics()
        loss = float(model.train_on_batch(batch.images, batch.targets, return_dict=True)["loss"])
        if not math.isfinite(loss):
            return np.array(losses), True
        losses.append(loss)
        smoothed = _smooth(np.array(losses))
        if smoothed[-1] > _DIVERGENCE * smoothed.min():
            return np.array(losses), True
    return np.array(losses), False


def _endless(train: Feed) -> Iterator[Batch]:
    epoch = 0
    while True:
        yield from train.epoch(epoch)
        epoch += 1


def _smooth(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    average, smoothed = 0.0, []
    for number, loss in enumerate(losses, start=1):
        average = _SMOOTHING * average + (1 - _SMOOTHING) * loss
        smoothed.append(average / (1 - _SMOOTHING**number))
    return np.array(smoothed)
