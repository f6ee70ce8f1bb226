"""A range test: the learning rate rises from step to step, and the loss tells where it is too high.

L. Smith, "Cyclical learning rates for training neural networks", arXiv:1506.01186, section 3.3;
the smoothing, the stop and the reading of the curve are those that fastai made common.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from viewfinder.batches.pictures import Batch
from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.training.adapters import Feed
from viewfinder.training.memory import is_out_of_memory, out_of_memory
from viewfinder.training.step import fused_norms

# The share of the smoothed loss that each step keeps, and how far above its lowest it may go.
_SMOOTHING = 0.9
_DIVERGED = 4.0

RULE = "a tenth of the rate at which the smoothed loss was lowest"


@dataclass(frozen=True, eq=False)
class RangeTest:
    """What a range test has seen.

    Attributes:
        rates: The learning rate of each step, float64, shape (n,), rising.
        losses: The loss of each step's batch before the step, float64, shape (n,).
        smoothed: Their exponential average, corrected for its start, float64, shape (n,).
        diverged: Whether the test ended because the loss rose to four times its lowest, or was no
            number any more.
        suggestion: The rate to begin with, by `RULE`.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    diverged: bool
    suggestion: float

    def to_json(self) -> dict[str, Any]:
        """The same as plain numbers and lists: what `viewfinder lr-find --json` prints."""
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
    """Train a compiled model with a rate that rises exponentially; its weights are put back.

    Args:
        model: Compiled with a rate that is a number: its schedule would set another.
        train: Training batches, of pictures or of features; they are gone through as often as it
            takes.
        low: The first rate.
        high: The last one.
        steps: How many steps there are from one to the other, at least 10.
        progress: Shows how far it is.

    Raises:
        UsageError: The limits or the count of steps make no test.
        DataError: The loss never fell, so that nothing can be suggested.
        OutOfMemory: A batch is too large; one that fits is named.
    """
    if not (0 < low < high and steps >= 10):
        raise UsageError(
            "This is no range of learning rates.",
            expected="0 < low < high, and at least 10 steps",
            received=f"low = {low:g}, high = {high:g}, steps = {steps}",
        )
    rates = np.geomspace(low, high, steps)
    progress = progress or Progress(0)
    before = [np.array(one) for one in model.get_weights()]
    try:
        with fused_norms(model):
            losses, diverged = _losses(model, train, rates, progress)
    except Exception as error:
        if is_out_of_memory(error):
            raise out_of_memory(model, train, progress.say) from error
        raise
    finally:
        model.set_weights(before)
    return read_curve(rates[: len(losses)], losses, diverged=diverged)


def read_curve(
    rates: NDArray[np.float64], losses: NDArray[np.float64], *, diverged: bool = False
) -> RangeTest:
    """Smooth the losses and read a suggestion off them.

    Args:
        rates: Rising, shape (n,).
        losses: Finite, shape (n,).
        diverged: Whether the test was ended by its loss.

    Raises:
        DataError: The smoothed loss never fell.
    """
    smoothed = _smooth(losses)
    lowest = int(smoothed.argmin()) if len(smoothed) else 0
    if lowest == 0:
        raise DataError(
            "The loss never fell, so no learning rate can be suggested.",
            expected="a smoothed loss that falls before it rises",
            received=f"{smoothed[0]:.4g} at {rates[0]:.2g}, and no less at any higher rate"
            if len(smoothed)
            else "no finite loss at all",
            remedy="begin lower (--low), take more steps, or look at the data first",
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
    """The loss of each step, up to where it diverges, and whether it did."""
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
        if smoothed[-1] > _DIVERGED * smoothed.min():
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
