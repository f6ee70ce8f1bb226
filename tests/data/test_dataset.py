"""A dataset is a value: what it tells about its table, and that nothing changes it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from folders import table_only
from viewfinder.core.errors import DataError
from viewfinder.core.randomness import ids
from viewfinder.data.dataset import PassedOver, sorted_classes

DATASET = table_only(
    {("train", "b"): 3, ("train", "a"): 2, ("validation", "a"): 1, ("test", "c"): 4, ("", "a"): 1}
)


def test_counts_are_a_table_of_classes_and_splits() -> None:
    counts = DATASET.counts()
    assert counts.index.tolist() == ["a", "b", "c"]
    assert counts.columns.tolist() == ["train", "validation", "test", "no split"]
    assert counts.to_numpy().tolist() == [[2, 1, 0, 1], [3, 0, 0, 0], [0, 0, 4, 0]]


def test_split_sizes_leave_out_what_is_empty() -> None:
    assert DATASET.split_sizes() == {"train": 5, "validation": 1, "test": 4, "unsplit": 1}
    assert DATASET.only("test").split_sizes() == {"test": 4}
    assert DATASET.only("nothing").split_sizes() == {}


def test_it_is_split_once_every_picture_has_a_place() -> None:
    assert not DATASET.is_split
    assert DATASET.where(DATASET.table["split"] != "").is_split
    assert DATASET.split().is_split


def test_labels_are_indices_of_classes_and_stay_so_in_a_part() -> None:
    assert DATASET.labels.dtype == np.int64
    names = [DATASET.classes[label] for label in DATASET.labels]
    assert names == DATASET.table["label"].tolist()
    assert set(DATASET.only("test").labels) == {2}


def test_ids_are_those_of_the_locators() -> None:
    assert np.array_equal(DATASET.ids, ids(DATASET.table["locator"]))
    assert np.array_equal(DATASET.only("test").ids, DATASET.ids[DATASET.table["split"] == "test"])


@given(st.lists(st.booleans(), min_size=len(DATASET), max_size=len(DATASET)))
def test_where_keeps_the_rows_of_the_mask_in_order(mask: list[bool]) -> None:
    part = DATASET.where(np.array(mask))
    locators = DATASET.table["locator"]
    assert part.table["locator"].tolist() == [
        one for one, kept in zip(locators, mask, strict=True) if kept
    ]
    assert part.table.index.tolist() == list(range(sum(mask)))
    assert part.classes == DATASET.classes


def test_where_takes_a_series_by_position() -> None:
    mask = DATASET.table["label"] == "a"
    assert set(DATASET.where(mask.set_axis(range(100, 111))).table["label"]) == {"a"}


def test_operations_leave_the_old_value_as_it_is() -> None:
    before = DATASET.table.copy()
    DATASET.split(0.3, 0.2)
    DATASET.with_columns({"split": ["x"] * 11, "new": range(11)})
    DATASET.where(np.zeros(11, bool))
    assert DATASET.noting("one", "two").noting("three").notes == ("one", "two", "three")
    assert DATASET.table.equals(before)
    assert DATASET.notes == ()


def test_it_shows_itself_in_words_and_in_notebooks() -> None:
    assert repr(DATASET) == (
        "<Dataset nowhere: 3 classes, 5 train, 1 validation, 4 test, 1 unsplit>"
    )
    assert repr(DATASET.only("none")) == "<Dataset nowhere: 3 classes, empty>"
    assert DATASET._repr_html_().count("<tr") == 2 + 3
    assert DATASET.only("none").counts().shape == (3, 0)


def test_a_split_that_is_needed() -> None:
    DATASET.require_split("test")
    with pytest.raises(DataError) as caught:
        DATASET.only("train").require_split("test")
    assert str(caught.value) == (
        "The dataset has no test split.\n"
        "  Expected: one of: train\n"
        "  Received: test\n"
        "  Remedy: known: train"
    )
    with pytest.raises(DataError, match="Expected: pictures in split folders"):
        DATASET.only("").require_split("unsplit")


@pytest.mark.parametrize(
    ("names", "order"),
    [
        ("10 9 1 0 2", "0 1 2 9 10"),
        ("b a C", "C a b"),
        ("10 9 a", "10 9 a"),
        ("1 01 001 2", "001 01 1 2"),
        ("-1 1 0", "-1 0 1"),
        ("٣ ٢ ١٠", "٢ ٣ ١٠"),
        ("² 10 9", "10 9 ²"),
    ],
)
def test_classes_sort_as_numbers_where_all_are(names: str, order: str) -> None:
    assert sorted_classes(set(names.split())) == tuple(order.split())


@given(st.sets(st.text(min_size=1) | st.integers(0, 300).map(str)))
def test_sorting_loses_no_class(names: set[str]) -> None:
    assert set(sorted_classes(names)) == names
    assert sorted_classes(set(sorted_classes(names))) == sorted_classes(names)


@given(st.sets(st.integers(0, 10**6)))
def test_sorting_numbers_is_sorting_numbers(numbers: set[int]) -> None:
    assert [int(name) for name in sorted_classes({str(one) for one in numbers})] == sorted(numbers)


def test_passed_over_is_a_record() -> None:
    assert PassedOver("a", "why") == PassedOver("a", "why")
