"""Splits follow one exact rule, whatever the order of the rows and whatever else is there."""

import hashlib
from collections.abc import Mapping

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from folders import table_only
from oracles import slow_bits
from viewfinder.core.errors import DataError, UsageError
from viewfinder.data.dataset import Dataset

COUNTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(3, 40), min_size=2)
SHARES = st.floats(0.01, 0.49)
SEEDS = st.integers(0, 2**32)


def places(dataset: Dataset) -> dict[str, str]:
    return dict(zip(dataset.table["locator"], dataset.table["split"], strict=True))


def name_id(locator: str) -> int:
    return int.from_bytes(hashlib.blake2b(locator.encode(), digest_size=8).digest(), "little")


def slow_split(
    counts: Mapping[str, int], validation: float, test: float, seed: int
) -> dict[str, str]:
    """The rule of the module's docstring, picture by picture."""
    placed = {}
    for label, count in counts.items():
        locators = [f"{label}/{number}.png" for number in range(count)]
        locators.sort(key=lambda one: slow_bits(seed, "split", -1, name_id(one), 1)[0])
        tests = max(1, round(count * test)) if test else 0
        tests = min(tests, count - 1 - bool(validation))
        validations = max(1, round(count * validation)) if validation else 0
        validations = min(validations, count - tests - 1)
        names = ["test"] * tests + ["validation"] * validations
        names += ["train"] * (count - len(names))
        placed |= dict(zip(locators, names, strict=True))
    return placed


@given(COUNTS, st.just(0.0) | SHARES, st.just(0.0) | SHARES, SEEDS)
def test_the_rule(counts: dict[str, int], validation: float, test: float, seed: int) -> None:
    dataset = table_only(counts)
    split = dataset.split(validation, test, seed=seed)
    assert places(split) == slow_split(counts, validation, test, seed)
    assert split.is_split
    assert set(places(dataset).values()) == {""}  # the old value is as it was


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(3, 5), min_size=2),
    st.floats(0.001, 0.998),
    st.floats(0.001, 0.998),
)
def test_each_split_gets_a_picture_of_each_class_whatever_the_fractions(
    counts: dict[str, int], validation: float, test: float
) -> None:
    assume(validation + test < 1)
    sizes = table_only(counts).split(validation, test).counts()
    assert (sizes[["train", "validation", "test"]] >= 1).all(axis=None)


@given(COUNTS, SHARES, SEEDS, st.data())
def test_the_order_of_the_rows_does_not_matter(
    counts: dict[str, int], validation: float, seed: int, data: st.DataObject
) -> None:
    dataset = table_only(counts)
    order = data.draw(st.permutations(range(len(dataset))))
    shuffled = Dataset(dataset.source, dataset.table.iloc[order], dataset.classes)
    again = shuffled.split(validation, seed=seed)
    assert places(again) == places(dataset.split(validation, seed=seed))
    assert list(again.table["locator"]) == list(shuffled.table["locator"])


@given(COUNTS, SHARES, SHARES, SEEDS)
def test_another_class_changes_nothing(
    counts: dict[str, int], validation: float, test: float, seed: int
) -> None:
    alone = places(table_only(counts).split(validation, test, seed=seed))
    more = places(table_only({**counts, "new": 17}).split(validation, test, seed=seed))
    assert alone.items() <= more.items()


def test_seeds_give_other_splits() -> None:
    dataset = table_only({"a": 50, "b": 50})
    assert len({tuple(places(dataset.split(seed=seed)).values()) for seed in range(20)}) == 20


def test_every_picture_is_drawn_equally_often() -> None:
    dataset = table_only({"a": 10, "b": 10})
    drawn = sum(
        (dataset.split(0.3, seed=seed).table["split"] == "validation").to_numpy(int)
        for seed in range(400)
    )
    # Binomial with p = 0.3: 4.5 standard deviations around 120.
    assert abs(drawn - 120).max() < 4.5 * (400 * 0.3 * 0.7) ** 0.5


def test_what_is_done_is_said() -> None:
    split = table_only({"a": 10, "b": 10}).split(0.2, 0.1, seed=4)
    assert split.notes == (
        "The data has no test split: 10\xa0% of each class was set aside at random with seed 4.",
        "The data has no validation split: 20\xa0% of each class was set aside at random "
        "with seed 4.",
    )


class TestExistingSplits:
    COUNTS = {  # noqa: RUF012
        ("train", "a"): 10,
        ("train", "b"): 20,
        ("test", "a"): 5,
        ("test", "b"): 1,
    }

    @given(SHARES, SEEDS)
    def test_only_what_is_missing_is_carved_from_training(
        self, validation: float, seed: int
    ) -> None:
        dataset = table_only(self.COUNTS)
        before, after = places(dataset), places(dataset.split(validation, 0.3, seed=seed))
        assert {before[one] for one in after if after[one] != before[one]} == {"train"}
        assert {one for one in after if after[one] == "test"} == {
            one for one in before if before[one] == "test"
        }
        assert sum(after[one] == "validation" for one in after) == (
            max(1, round(10 * validation)) + max(1, round(20 * validation))
        )

    def test_all_there_means_nothing_to_do(self) -> None:
        dataset = table_only({**self.COUNTS, ("validation", "a"): 2, ("validation", "b"): 2})
        split = dataset.split(0.4, 0.2)
        assert places(split) == places(dataset)
        assert split.notes == ()

    def test_fractions_of_zero_make_no_split(self) -> None:
        split = table_only({"a": 1, "b": 2}).split(0, 0)
        assert split.split_sizes() == {"train": 3}
        assert split.notes == ()

    def test_pictures_without_a_place_are_for_training(self) -> None:
        dataset = table_only({("", "a"): 5, ("", "b"): 5, ("test", "a"): 5, ("test", "b"): 5})
        assert dataset.split(0.2).split_sizes() == {"train": 8, "validation": 2, "test": 10}

    def test_a_class_that_is_only_in_the_test_split_stops_nothing(self) -> None:
        dataset = table_only({**self.COUNTS, ("test", "c"): 3})
        assert dataset.split(0.2).counts().loc["c"].to_dict() == {
            "train": 0,
            "validation": 0,
            "test": 3,
        }


class TestHoldOut:
    COUNTS = {  # noqa: RUF012
        (split, label): count
        for split, count in [("train", 10), ("validation", 4), ("test", 3)]
        for label in "ab"
    }

    def test_validation_becomes_the_test_split(self) -> None:
        dataset = table_only(self.COUNTS)
        held = dataset.hold_out("validation", validation=0.2, seed=3)
        before, after = places(dataset), places(held)
        tests = {one for one in after if after[one] == "test"}
        assert tests == {one for one in before if before[one] == "validation"}
        assert set(before) - set(after) == {one for one in before if before[one] == "test"}
        assert {before[one] for one in after if after[one] == "validation"} == {"train"}
        assert held.split_sizes() == {"train": 16, "validation": 4, "test": 8}
        assert held.notes[:2] == (
            "Left out: the test split.",
            "Held out for one evaluation at the end: the validation split.",
        )

    def test_test_stays_with_the_validation_split_beside_it(self) -> None:
        dataset = table_only(self.COUNTS)
        held = dataset.hold_out("test")
        assert places(held) == places(dataset)
        assert held.notes == ("Held out for one evaluation at the end: the test split.",)

    def test_without_validation_one_is_carved(self) -> None:
        dataset = table_only({key: n for key, n in self.COUNTS.items() if key[0] != "validation"})
        assert dataset.hold_out("test", validation=0.3).split_sizes() == {
            "train": 14,
            "validation": 6,
            "test": 6,
        }

    def test_the_carved_pictures_are_those_of_a_plain_split(self) -> None:
        """So that holding out changes what is judged, and nothing else."""
        dataset = table_only({key: n for key, n in self.COUNTS.items() if key[0] != "validation"})
        assert places(dataset.hold_out("test", seed=5)) == places(dataset.split(seed=5))

    def test_training_cannot_be_held_out(self) -> None:
        with pytest.raises(UsageError, match="The training split cannot be held out"):
            table_only(self.COUNTS).hold_out("train")

    @pytest.mark.parametrize(("name", "remedy"), [("tset", "did you mean 'test'?"), ("dev", None)])
    def test_a_split_that_is_not_there(self, name: str, remedy: str | None) -> None:
        with pytest.raises(DataError) as caught:
            table_only(self.COUNTS).hold_out(name)
        assert caught.value.fact == f"The dataset has no {name} split."
        assert caught.value.expected == "one of: train, validation, test"
        assert caught.value.received == name
        assert (remedy or "known") in str(caught.value.remedy)

    @pytest.mark.parametrize("name", ["test", "unsplit", ""])
    def test_pictures_without_splits(self, name: str) -> None:
        with pytest.raises(DataError, match="Received: pictures without splits"):
            table_only({"a": 5, "b": 5}).hold_out(name)


@pytest.mark.parametrize(
    ("validation", "test"), [(1, 0), (0.5, 0.5), (-0.1, 0), (0, 1.5), (0.2, -1), (float("nan"), 0)]
)
def test_fractions_that_leave_nothing(validation: float, test: float) -> None:
    with pytest.raises(UsageError) as caught:
        table_only({"a": 50, "b": 50}).split(validation, test)
    assert caught.value.fact == "The splits' fractions must leave something to train on."
    assert caught.value.received == f"validation {validation}, test {test}"


@pytest.mark.parametrize(("count", "test", "needed"), [(1, 0, 2), (2, 0.1, 3), (1, 0.1, 3)])
def test_a_class_with_too_few_pictures(count: int, test: float, needed: int) -> None:
    with pytest.raises(DataError) as caught:
        table_only({"a": 50, "b": count}).split(0.2, test)
    assert caught.value.fact == "The class 'b' has too few pictures to be split."
    assert str(caught.value.expected).startswith(f"at least {needed}: one for each of train, ")
    assert caught.value.received == f"{count} available"
