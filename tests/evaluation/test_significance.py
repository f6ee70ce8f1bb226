"""Intervals and tests, held against exact sums, published tables and SciPy."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from viewfinder.core.pairs import mcnemar_p
from viewfinder.core.shares import holm
from viewfinder.evaluation.significance import difference_interval, mean_interval, paired_interval


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_exact_sum_of_both_tails(first, second):
    trials = first + second
    tail = sum(comb(trials, right) for right in range(min(first, second) + 1))
    assert mcnemar_p(first, second) == pytest.approx(min(1.0, 2 * tail / 2**trials), rel=1e-9)


def test_mcnemar_of_very_many_does_not_overflow():
    # The normal approximation with continuity correction: (2000 - 1) / sqrt(100 000).
    expected = 2 * stats.norm.sf((2000 - 1) / 100_000**0.5)
    assert mcnemar_p(49_000, 51_000) == pytest.approx(expected, rel=1e-3)


def test_holm_by_hand():
    # Holm (1979): 0.01 × 4, 0.02 × 3, 0.03 × 2, 0.04 × 1, never falling.
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_no_smaller_and_keeps_the_order(p_values):
    corrected = holm(p_values)
    assert all(a >= b for a, b in zip(corrected, p_values, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(corrected)[order]) >= 0).all()
    assert min(corrected) == pytest.approx(min(1, len(p_values) * min(p_values)))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # Newcombe (1998), table II, method 10: examples a to e.
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
    ],
)
def test_differences_as_published(first, second, expected):
    assert difference_interval(first, second) == pytest.approx(expected, abs=1e-4)


@given(st.integers(1, 50), st.integers(1, 50), st.data())
def test_a_difference_is_its_own_mirror(one, other, data):
    first = data.draw(st.integers(0, one)), one
    second = data.draw(st.integers(0, other)), other
    low, high = difference_interval(first, second)
    assert low <= first[0] / one - second[0] / other + 1e-12
    assert (-high, -low) == pytest.approx(difference_interval(second, first))


def test_the_bootstrap_is_scipys_within_its_own_noise():
    values = np.random.default_rng(0).exponential(size=300)
    low, high = mean_interval(values)
    random = np.random.default_rng(1)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=5000, method="percentile", rng=random
    ).confidence_interval
    width = theirs.high - theirs.low
    assert low == pytest.approx(theirs.low, abs=0.05 * width)
    assert high == pytest.approx(theirs.high, abs=0.05 * width)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**32))
def test_the_bootstrap_follows_from_its_seed(seed):
    values = np.random.default_rng(1).normal(size=20)  # no two of whose samples have one mean
    assert mean_interval(values, seed=seed) == mean_interval(values, seed=seed)
    assert mean_interval(values, seed=seed) != mean_interval(values, seed=seed + 1)


def test_the_bootstrap_of_many_pictures_in_pieces_is_the_same():
    values = np.random.default_rng(0).normal(size=5000)
    low, high = mean_interval(values)
    normal = 1.96 * values.std() / np.sqrt(len(values))
    assert high - low == pytest.approx(2 * normal, rel=0.08)


def test_the_interval_of_a_paired_difference_covers_as_often_as_it_says():
    """Simulated: of 200 pictures, a model loses 4 % and wins 2 %."""
    drawn = np.random.default_rng(0).multinomial(200, [0.04, 0.02, 0.94], size=4000)
    covered = [
        low <= -0.02 <= high
        for lost, won, _ in drawn
        for low, high in [paired_interval(int(lost), int(won), 200)]
    ]
    assert 0.94 <= np.mean(covered) <= 0.98
    assert paired_interval(0, 0, 98) == pytest.approx((-0.0196, 0.0196), abs=1e-4)
