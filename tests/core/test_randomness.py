"""Randomness has addresses: held against SplitMix64 in plain Python, and against statistics."""

from itertools import islice, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from oracles import slow_bits, splitmix64
from viewfinder.core.randomness import Randomness, ids

WORDS = st.integers(0, 2**64 - 1)
MANY = np.arange(20_000, dtype=np.uint64)


def test_oracle_gives_the_published_numbers() -> None:
    """The reference output for the seed 1234567, as Rosetta Code and Java's tests print it."""
    assert list(islice(splitmix64(1234567), 5)) == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


@given(
    seed=st.integers(-(2**63), 2**64 - 1),
    operation=st.text(max_size=8),
    epoch=st.integers(-1, 10**6),
    examples=st.lists(WORDS, max_size=4),
    draws=st.integers(1, 4),
)
def test_bits_are_splitmix64_of_the_address(
    seed: int, operation: str, epoch: int, examples: list[int], draws: int
) -> None:
    bits = Randomness(seed).bits(
        operation, epoch=epoch, examples=np.array(examples, np.uint64), draws=draws
    )
    assert bits.dtype == np.uint64
    assert bits.shape == (len(examples), draws)
    assert bits.tolist() == [slow_bits(seed, operation, epoch, one, draws) for one in examples]


def test_numbers_stay_the_same_for_ever() -> None:
    """Golden: another number here changes every split, order and augmentation of every user."""
    bits = Randomness(7).bits("order", epoch=3, examples=ids(["cats/0.jpg", "dogs/é.jpg"]), draws=2)
    assert bits.tolist() == [
        [2553492930773330142, 17350634226010543369],
        [15730119946568996993, 15411630327468759523],
    ]


@given(
    examples=st.lists(WORDS, min_size=1, max_size=30, unique=True),
    data=st.data(),
    draws=st.integers(1, 3),
)
def test_a_subset_gets_the_same_numbers(
    examples: list[int], data: st.DataObject, draws: int
) -> None:
    some = data.draw(st.lists(st.sampled_from(range(len(examples))), max_size=10))
    everyone = np.array(examples, np.uint64)
    whole = Randomness(3).uniform("op", epoch=1, examples=everyone, draws=draws)
    part = Randomness(3).uniform("op", epoch=1, examples=everyone[some], draws=draws + 1)
    assert np.array_equal(part[:, :draws], whole[some])


def test_uniform_is_the_upper_53_bits() -> None:
    bits = Randomness(1).bits("op", epoch=0, examples=MANY)
    uniform = Randomness(1).uniform("op", epoch=0, examples=MANY)
    assert uniform.tolist() == [[(one >> 11) / 2**53] for one in bits[:, 0].tolist()]
    assert uniform.min() >= 0
    assert uniform.max() < 1


def numbers(seed: int = 0, operation: str = "op", epoch: int = 0, draw: int = 0) -> np.ndarray:
    return Randomness(seed).uniform(operation, epoch=epoch, examples=MANY, draws=draw + 1)[:, draw]


@pytest.mark.parametrize(
    "drawn",
    [
        numbers(),
        numbers(seed=1),
        numbers(seed=-1),
        numbers(epoch=1),
        numbers(operation="op2"),
        numbers(draw=3),
        np.array([Randomness(s).uniform("op", epoch=0, examples=MANY[:1]) for s in range(2000)]),
        np.array([Randomness(0).uniform("op", epoch=e, examples=MANY[:1]) for e in range(2000)]),
        np.array([Randomness(0).uniform(f"{o}", epoch=0, examples=MANY[:1]) for o in range(2000)]),
        Randomness(0).uniform("op", epoch=0, examples=MANY[:1], draws=20_000),
    ],
    ids=[
        *("first", "seed", "negative seed", "epoch", "operation", "draw"),
        *("over seeds", "over epochs", "over operations", "over draws"),
    ],
)
def test_numbers_are_uniform(drawn: np.ndarray) -> None:
    assert stats.kstest(drawn.ravel(), "uniform").pvalue > 1e-3


def test_every_bit_is_even_handed() -> None:
    bits = Randomness(5).bits("op", epoch=2, examples=MANY)[:, 0]
    ones = (bits[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)).sum(axis=0)
    # Binomial: 4.5 standard deviations, for the largest of 64.
    assert np.abs(ones - len(MANY) / 2).max() < 4.5 * np.sqrt(len(MANY) / 4)


@pytest.mark.parametrize(
    "other",
    [
        numbers(seed=1),
        numbers(seed=2**32),
        numbers(epoch=1),
        numbers(operation="op "),
        numbers(draw=1),
        np.roll(numbers(), 1),
    ],
    ids=["seed", "far seed", "epoch", "operation", "draw", "neighbour"],
)
def test_addresses_that_differ_in_one_part_are_independent(other: np.ndarray) -> None:
    counts, _, _ = np.histogram2d(numbers(), other, bins=8, range=[[0, 1], [0, 1]])
    assert stats.chisquare(counts.ravel()).pvalue > 1e-3


@given(examples=st.lists(WORDS, max_size=40, unique=True), data=st.data())
def test_order_is_a_permutation_in_which_others_do_not_matter(
    examples: list[int], data: st.DataObject
) -> None:
    def ordered(some: list[int]) -> list[int]:
        order = Randomness(9).order("order", epoch=4, examples=np.array(some, np.uint64))
        assert sorted(order.tolist()) == list(range(len(some)))
        return [some[position] for position in order]

    some = data.draw(st.permutations(examples))[: len(examples) // 2]
    assert ordered(some) == [one for one in ordered(examples) if one in set(some)]


def test_every_order_comes_as_often_as_any_other() -> None:
    four = np.arange(4, dtype=np.uint64)
    orders = [tuple(Randomness(0).order("o", epoch=e, examples=four)) for e in range(6000)]
    counts = [orders.count(one) for one in permutations(range(4))]
    assert sum(counts) == 6000
    assert stats.chisquare(counts).pvalue > 1e-3


@given(st.lists(st.text(), max_size=5))
def test_ids_depend_on_the_name_alone(names: list[str]) -> None:
    assert ids(names).dtype == np.uint64
    assert ids(names).tolist() == [int(ids([name])[0]) for name in names]


def test_ids_of_many_names_differ() -> None:
    assert len(np.unique(ids(f"cats/{number}.jpg" for number in range(50_000)))) == 50_000
