"""The range test, on a bowl whose largest stable rate is known, and on synthetic curves."""

from types import MappingProxyType

import keras
import numpy as np
import pytest

from viewfinder.augment.batches import Batches
from viewfinder.core.errors import DataError, UsageError
from viewfinder.training.lr_find import range_test, read_curve

LABELS = np.random.default_rng(0).integers(0, 3, 64)


class Bowl:
    """64 pictures of one pixel: 255, whatever the label."""

    shape = (1, 1, 1)
    dropped = MappingProxyType({})

    def __len__(self) -> int:
        return 64

    def read(self, positions):
        return np.full((len(positions), 1, 1, 1), 255, np.uint8), np.ones(len(positions), bool)


def bowl() -> tuple[keras.Model, Batches]:
    """The loss is the mean of (w - label)²: gradient descent diverges above a rate of 1."""
    model = keras.Sequential(
        [
            keras.Input((1, 1, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros"),
        ]
    )
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="mse")
    ids = np.arange(64, dtype=np.uint64)
    return model, Batches(Bowl(), LABELS, ids, batch_size=16, workers=0)


def test_a_bowl_diverges_above_the_rate_that_calculus_gives():
    model, batches = bowl()
    found = range_test(model, batches, low=1e-3, high=30, steps=120)
    assert found.diverged
    # w moves by 2 lr (mean - w): its distance from the mean is multiplied by 1 - 2 lr.
    by_hand, w = [], 0.0
    for number, rate in enumerate(found.rates):
        labels = LABELS.reshape(4, 16)[number % 4]
        by_hand.append(((labels - w) ** 2).mean())
        w += 2 * rate * (labels.mean() - w)
    np.testing.assert_allclose(found.losses, by_hand, rtol=1e-3)
    assert 1 < found.rates[-1] < 2
    assert 0.1 < 10 * found.suggestion < 1  # the lowest loss is at a rate that is still stable


def test_the_test_repeats_and_restores_the_weights():
    model, batches = bowl()
    first = range_test(model, batches, low=1e-3, high=30, steps=120)
    np.testing.assert_array_equal(model.get_weights()[0], [[0]])
    second = range_test(*bowl(), low=1e-3, high=30, steps=120)
    np.testing.assert_array_equal(first.losses, second.losses)
    assert first.to_json() == second.to_json()


def test_the_suggestion_follows_the_rule():
    rates = np.geomspace(1e-5, 1, 101)
    # The loss falls evenly in log(rate) down to 0.01, and then rises steeply.
    losses = np.where(rates < 1e-2, 2 - 0.1 * np.log(rates / 1e-5), 2 - 0.1 * np.log(1e3))
    losses = losses + np.where(rates < 1e-2, 0, 5 * np.log(rates / 1e-2))
    found = read_curve(rates, losses)
    average, corrected = 0.0, []
    for number, loss in enumerate(losses, start=1):
        average = 0.9 * average + 0.1 * loss
        corrected.append(average / (1 - 0.9**number))
    np.testing.assert_allclose(found.smoothed, corrected)
    lowest = rates[int(np.argmin(corrected))]
    assert 0.8e-2 < lowest < 2e-2
    assert found.suggestion == pytest.approx(lowest / 10, rel=0.05)
    assert not found.diverged


@pytest.mark.parametrize("losses", [np.linspace(1, 2, 20), np.array([])])
def test_a_loss_that_never_falls_suggests_nothing(losses):
    with pytest.raises(DataError, match="never fell"):
        read_curve(np.geomspace(1e-5, 1, len(losses)) if len(losses) else losses, losses)


@pytest.mark.parametrize("wrong", [{"low": 0}, {"low": 1, "high": 0.1}, {"steps": 3}, {"low": -1}])
def test_invalid_ranges_are_refused(wrong):
    with pytest.raises(UsageError, match="range of learning rates is invalid"):
        range_test(*bowl(), **wrong)
