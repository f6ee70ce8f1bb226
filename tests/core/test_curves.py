"""What curves show: found where it was planted, and not found in noise."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viewfinder.core import curves

seeds = st.integers(0, 2**32 - 1)


def falling(count: int) -> np.ndarray:
    return np.exp(-np.arange(count) / 5) + 0.05


@settings(deadline=None, max_examples=200, derandomize=True)
@given(
    seed=seeds,
    epochs=st.integers(1, 60),
    noise=st.floats(1e-4, 0.1),
    kind=st.sampled_from(["normal", "laplace", "uniform"]),
    speed=st.floats(1.0, 20.0),
)
def test_noise_about_a_plateau_is_no_rise(seed, epochs, noise, kind, speed):
    random = np.random.default_rng(seed)
    scaled = {"normal": 1.0, "laplace": 1 / math.sqrt(2), "uniform": math.sqrt(3)}[kind]
    draw = (
        random.uniform(-1, 1, epochs) if kind == "uniform" else getattr(random, kind)(size=epochs)
    )
    losses = 0.5 + 0.4 * np.exp(-np.arange(epochs) / speed) + noise * scaled * draw
    assert curves.rising_for_good(falling(epochs), losses) is None


@settings(deadline=None, max_examples=200, derandomize=True)
@given(seed=seeds, epochs=st.integers(12, 60), data=st.data(), slope=st.floats(0.03, 0.2))
def test_a_planted_turn_is_found_within_two_epochs(seed, epochs, data, slope):
    turn = data.draw(st.integers(3, epochs - 7))
    away = np.abs(np.arange(epochs) - turn)
    noise = np.random.default_rng(seed).normal(size=epochs) * slope / 8
    rise = curves.rising_for_good(falling(epochs), 0.5 + slope * away + noise)
    assert rise is not None
    assert abs(rise.onset - (turn + 1)) <= 2
    # Medians of three take an epoch off either end of the rise.
    assert rise.end - rise.low == pytest.approx(slope * (away[-1] - 2), rel=0.35)


@given(at=st.integers(0, 19), height=st.floats(0.01, 1e6))
def test_a_single_odd_epoch_is_no_rise_wherever_it_is(at, height):
    losses = 0.5 + falling(20)
    losses[at] += height
    assert curves.rising_for_good(falling(20), losses) is None


def test_a_rise_that_training_shares_is_no_overfitting():
    losses = np.r_[np.linspace(1, 0.5, 6), np.linspace(0.6, 2, 8)]
    assert curves.rising_for_good(losses, losses) is None
    assert curves.rising_for_good(falling(14), losses) is not None


def test_broken_and_short_curves_say_nothing():
    losses = np.r_[np.linspace(1, 0.5, 6), np.linspace(0.6, 2, 8)]
    assert curves.rising_for_good(falling(14), np.where(losses > 1.5, np.nan, losses)) is None
    for epochs in range(5):
        assert curves.rising_for_good(falling(epochs), np.arange(epochs)) is None


@pytest.mark.parametrize("sigma", [0.01, 1.0])
def test_scatter_is_the_noise_and_not_the_slope(sigma):
    random = np.random.default_rng(1)
    steep = np.arange(4000) * 7 + random.normal(size=4000) * sigma
    assert curves.scatter(steep) == pytest.approx(sigma, rel=0.06)
    assert curves.scatter(np.arange(50.0)) == pytest.approx(0, abs=1e-12)


@given(st.lists(st.floats(-1e3, 1e3), min_size=0, max_size=12))
def test_levels_are_running_medians(values):
    expected = [
        sorted(values[max(0, min(at - 1, len(values) - 3)) :][:3])[1] if len(values) > 2 else value
        for at, value in enumerate(values)
    ]
    assert curves.levels(values).tolist() == expected


def concordance(values) -> int:
    """Pairs in order less pairs out of order."""
    return sum(int(np.sign(b - a)) for a, b in itertools.combinations(values, 2))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=6, unique=True))
def test_trend_is_the_median_slope_and_the_share_of_orders_that_are_as_steady(values):
    slope, p_value = curves.trend(values)
    pairs = itertools.combinations(enumerate(values), 2)
    slopes = [(value - earlier) / (epoch - first) for (first, earlier), (epoch, value) in pairs]
    assert slope == pytest.approx(np.median(slopes), rel=1e-9, abs=1e-12)
    scores = [abs(concordance(order)) for order in itertools.permutations(range(len(values)))]
    expected = np.mean([score >= abs(concordance(values)) for score in scores])
    assert p_value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("rising", [0.0, 0.01])
def test_trend_of_many_epochs_is_near_the_normal_approximation(rising):
    values = np.random.default_rng(3).normal(size=100) + np.arange(100) * rising
    score = abs(concordance(values)) - 1
    expected = math.erfc(score / math.sqrt(100 * 99 * 205 / 18) / math.sqrt(2))
    assert curves.trend(values)[1] == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("values", [[], [1.0], [2.0] * 7])
def test_without_change_there_is_no_trend(values):
    assert curves.trend(values) == (0.0, 1.0)


def test_trend_takes_equal_values():
    slope, p_value = curves.trend([5, 4, 4, 3, 2, 2, 1])
    assert slope == pytest.approx(-2 / 3)
    assert 0 < p_value < 0.01


def test_up_and_down_counts_climbs():
    assert curves.up_and_down([4, 3, 2, 1]) == (0.0, 0)
    assert curves.up_and_down([1, 2, 1, 2, 1]) == (1.0, 2)
    assert curves.up_and_down([3.0]) == (0.0, 0)


@pytest.mark.parametrize(
    ("losses", "blown"),
    [
        ([0.7, 0.5, np.nan], True),
        ([np.inf], True),
        ([0.7, 0.3, 0.2, 3, 8, 20], True),
        ([0.7, 0.3, 0.2, 20, 0.2, 0.1], False),
        ([0.7, 0.3, 0.2, 0.15, 20], False),  # one epoch may be odd
        ([20, 3, 0.7, 0.6, 0.5], False),
        ([], False),
    ],
)
def test_a_loss_is_blown_up(losses, blown):
    assert curves.is_blown_up(losses) is blown


def test_steady_means_nearly_every_step():
    assert curves.falls_steadily([5, 4, 3, 2])
    assert not curves.falls_steadily([5, 4, 4.5, 2])
    assert not curves.falls_steadily([5])
    assert all(
        curves.falls_steadily(order) == (list(order) == [3, 2, 1])
        for order in itertools.permutations([1, 2, 3])
    )
