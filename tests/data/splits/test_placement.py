"""Groups stay whole, fractions hold within one group, and the order of the rows has no effect."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from folders import table_only
from oracles import slow_bits
from viewfinder.core.errors import DataError, UsageError
from viewfinder.data.dataset import Dataset
from viewfinder.data.splits.groups import Groups, connected

# For each class, the sizes of its groups.
SIZES = st.dictionaries(
    st.sampled_from("abcd"), st.lists(st.integers(1, 9), min_size=3, max_size=30), min_size=2
)
SHARES = st.floats(0.02, 0.45)
SEEDS = st.integers(0, 2**32)


def grouped(sizes: dict[str, list[int]]) -> Dataset:
    """A dataset whose column `group` has groups of these sizes, each of one class."""
    dataset = table_only({label: sum(groups) for label, groups in sizes.items()})
    names = dict.fromkeys(dataset.table["locator"], "")
    for label, groups in sizes.items():
        numbers = iter(range(sum(groups)))
        for group, size in enumerate(groups):
            for _ in range(size):
                names[f"{label}/{next(numbers)}.png"] = f"{label}{group}" if size > 1 else ""
    return dataset.with_columns({"group": list(names.values())})


def test_the_datasets_of_these_tests() -> None:
    table = grouped({"a": [1, 3], "b": [2, 1, 1]}).table
    assert dict(zip(table["locator"], table["group"], strict=True)) == {
        **{"a/0.png": "", "a/1.png": "a1", "a/2.png": "a1", "a/3.png": "a1"},
        **{"b/0.png": "b0", "b/1.png": "b0", "b/2.png": "", "b/3.png": ""},
    }


def is_whole(dataset: Dataset, column: str) -> bool:
    table = dataset.table[dataset.table["group"] != ""]
    return bool((table.groupby("group")[column].nunique() == 1).all())


@given(SIZES, SHARES, st.just(0.0) | SHARES, SEEDS)
def test_fractions_are_kept_within_one_group(
    sizes: dict[str, list[int]], validation: float, test: float, seed: int
) -> None:
    split = grouped(sizes).split(validation, test, seed=seed)
    assert is_whole(split, "split")
    counts = split.counts()
    for label, groups in sizes.items():
        total, largest = sum(groups), max(groups)
        wanted = {"validation": total * validation, "test": total * test}
        wanted = {name: count for name, count in wanted.items() if count}
        wanted["train"] = total - sum(wanted.values())
        here = split.table[split.table["label"] == label]
        alone = here["group"].where(here["group"] != "", here["locator"])
        groups_in = alone.groupby(here["split"]).nunique()
        for name, count in wanted.items():
            got = counts.loc[label, name]
            assert got >= 1
            # Each split has a group, though its fraction is less than that.
            is_forced = any(groups_in[other] == 1 for other in wanted if other != name)
            assert abs(got - count) <= largest or is_forced


@given(
    st.dictionaries(st.sampled_from("ab"), st.lists(st.integers(1, 9), max_size=8), min_size=2),
    SHARES,
    SEEDS,
)
def test_with_enough_pictures_that_stand_alone_fractions_are_exact(
    sizes: dict[str, list[int]], validation: float, seed: int
) -> None:
    sizes = {label: [*groups, *[1] * 60] for label, groups in sizes.items()}
    counts = grouped(sizes).split(validation, seed=seed).counts()
    for label, groups in sizes.items():
        assert counts.loc[label, "validation"] == max(1, round(sum(groups) * validation))


@settings(max_examples=25)
@given(SIZES, SHARES, SHARES, SEEDS, st.data())
def test_the_order_of_the_rows_does_not_matter(
    sizes: dict[str, list[int]], validation: float, test: float, seed: int, data: st.DataObject
) -> None:
    dataset = grouped(sizes)
    order = data.draw(st.permutations(range(len(dataset))))
    shuffled = Dataset(dataset.source, dataset.table.iloc[order], dataset.classes)

    def places(split: Dataset, column: str = "split") -> dict[str, str]:
        return dict(zip(split.table["locator"], split.table[column], strict=True))

    for rows in (dataset, shuffled):
        assert places(rows.split(validation, test, seed=seed)) == places(
            dataset.split(validation, test, seed=seed)
        )
        assert places(rows.into_folds(3, seed=seed), "fold") == places(
            dataset.into_folds(3, seed=seed), "fold"
        )


@given(SIZES, SHARES, SEEDS)
def test_groups_of_one_change_nothing(
    sizes: dict[str, list[int]], validation: float, seed: int
) -> None:
    dataset = grouped({label: [1] * len(groups) for label, groups in sizes.items()})
    plain = Dataset(dataset.source, dataset.table.drop(columns="group"), dataset.classes)
    grouped_split = dataset.split(validation, seed=seed).table["split"]
    assert list(grouped_split) == list(plain.split(validation, seed=seed).table["split"])


def patients(seed: int, count: int = 40, largest: int = 12) -> Dataset:
    """Groups that have pictures of several classes."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(count), rng.integers(1, largest, count))
    label = rng.choice(list("abc"), len(group), p=[0.6, 0.3, 0.1])
    counts = {name: int((label == name).sum()) for name in "abc"}
    dataset = table_only(counts)
    by_class = np.concatenate([group[label == name] for name in "abc"])
    order = np.argsort(np.argsort(dataset.table["label"].to_numpy(), kind="stable"))
    return dataset.with_columns({"group": [f"p{patient}" for patient in by_class[order]]})


@pytest.mark.parametrize("seed", range(20))
def test_groups_of_several_classes_stay_whole_and_near_the_fractions(seed: int) -> None:
    dataset = patients(seed)
    split = dataset.split(0.2, 0.1, seed=seed)
    assert is_whole(split, "split")
    total = dataset.counts()["pictures"]
    counts = split.counts()
    for name, share in (("validation", 0.2), ("test", 0.1)):
        assert (abs(counts[name] - total * share) <= 6).all()


@pytest.mark.parametrize("seed", range(10))
def test_folds_are_as_even_as_those_of_scikit_learn(seed: int) -> None:
    dataset = patients(seed, count=60)
    folds = dataset.into_folds(5, seed=seed)
    assert is_whole(folds, "fold")

    def unevenness(fold_of: np.ndarray) -> float:
        counts = [np.bincount(dataset.labels[fold_of == str(k)], minlength=3) for k in range(5)]
        return float(np.std(counts, axis=0).sum())

    theirs = np.empty(len(dataset), object)
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    keys = dataset.table["group"].to_numpy()
    for fold, (_, rows) in enumerate(splitter.split(keys, dataset.labels, keys)):
        theirs[rows] = str(fold)
    assert unevenness(folds.table["fold"].to_numpy()) <= 1.25 * unevenness(theirs) + 1


@given(SIZES, st.integers(2, 3), SEEDS)
def test_folds_of_a_class_differ_by_a_group_at_most(
    sizes: dict[str, list[int]], folds: int, seed: int
) -> None:
    dealt = grouped(sizes).into_folds(folds, seed=seed)
    assert is_whole(dealt, "fold")
    counts = dealt.table.groupby(["label", "fold"]).size().unstack(fill_value=0)
    assert list(counts.columns) == [str(fold) for fold in range(folds)]
    for label, groups in sizes.items():
        assert counts.loc[label].max() - counts.loc[label].min() <= max(groups)
        assert counts.loc[label].min() >= 1


def test_folds_without_groups_are_even_in_each_class_and_in_all() -> None:
    dealt = table_only({"a": 11, "b": 22, "c": 13}).into_folds(5)
    counts = dealt.table.groupby(["label", "fold"]).size().unstack()
    assert (counts.max(axis=1) - counts.min(axis=1) <= 1).all()
    assert counts.sum().max() - counts.sum().min() <= 1


def test_a_fold_is_for_validation_and_the_others_for_training() -> None:
    dealt = table_only({("", "a"): 10, ("", "b"): 10, ("test", "a"): 2, ("test", "b"): 2})
    dealt = dealt.into_folds(5, seed=3)
    assert set(dealt.table["fold"][dealt.table["split"] == "test"]) == {""}
    for fold in range(5):
        used = dealt.use_fold(fold)
        assert used.split_sizes() == {"train": 16, "validation": 4, "test": 4}
        assert set(used.only("validation").table["fold"]) == {str(fold)}
    assert list(dealt.table["split"]) == list(dealt.use_fold(0).table["split"])


def test_impossible_folds() -> None:
    dataset = table_only({"a": 10, "b": 3})
    with pytest.raises(UsageError, match="at least two folds"):
        dataset.into_folds(1)
    with pytest.raises(DataError, match="The class 'b' has too few pictures for 4 folds") as caught:
        dataset.into_folds(4)
    assert caught.value.received == "3"
    with pytest.raises(UsageError, match="The dataset has no folds"):
        dataset.use_fold(0)
    with pytest.raises(UsageError, match="The dataset has no fold 3") as wrong:
        dataset.into_folds(3).use_fold(3)
    assert wrong.value.expected == "0 to 2"


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=30))
def test_pictures_that_share_any_key_are_connected(keys: list[tuple[int, int]]) -> None:
    first, second = np.array(keys).T
    components = [{row} for row in range(len(keys))]
    for _ in keys:
        for row, (a, b) in enumerate(keys):
            for other, (c, d) in enumerate(keys):
                if a == c or b == d:
                    components[row] |= components[other]
    assert list(connected(first, second)) == [min(rows) for rows in components]


class TestNearDuplicates:
    """Near duplicates are divided where they would spoil a class; required groups never are."""

    def test_a_class_that_is_one_group_is_split_without_it(self) -> None:
        dataset = table_only({"a": 20, "b": 20})
        keys = np.arange(40)
        keys[:20] = 0
        keys[20:24] = 20
        required = np.arange(40)
        required[:3] = 0
        split = dataset.split(groups=Groups(keys, required, "groups of duplicates"))
        assert split.counts()["validation"].to_list() == [4, 4]
        splits = split.table["split"].to_numpy()
        assert len(set(splits[:3])) == 1
        assert len(set(splits[20:24])) == 1
        assert "Near duplicates in a are in several splits" in split.notes[-1]

    def test_what_does_not_spoil_stays_together(self) -> None:
        dataset = table_only({"a": 20, "b": 20})
        keys = np.arange(40) // 4 * 4
        split = dataset.split(groups=Groups(keys, np.arange(40), "groups of duplicates"))
        assert split.notes[-1] == "Kept in one split: 10 groups of duplicates with 40 pictures."
        assert len(set(zip(keys, split.table["split"], strict=True))) == 10

    def test_required_groups_are_never_divided(self) -> None:
        dataset = table_only({"a": 20, "b": 20})
        keys = np.arange(40)
        keys[:20] = 0
        with pytest.raises(DataError, match="The class 'a' has too few groups to be split"):
            dataset.split(groups=keys)


def test_validation_takes_no_picture_of_a_group_in_another_split() -> None:
    dataset = table_only({("train", "a"): 10, ("train", "b"): 10, ("test", "a"): 4})
    keys = np.arange(len(dataset))
    tests = np.flatnonzero((dataset.table["split"] == "test").to_numpy())
    trains = np.flatnonzero((dataset.table["label"] == "a").to_numpy())[-3:]
    keys[trains] = tests[0]
    for seed in range(20):
        split = dataset.split(0.3, seed=seed, groups=keys)
        assert set(split.table["split"].iloc[trains]) == {"train"}
        assert split.counts().loc["a", "validation"] == 3


@pytest.mark.parametrize("groups", ["nothing", np.zeros(3, int)])
def test_invalid_groups(groups: object) -> None:
    with pytest.raises(UsageError):
        table_only({"a": 5, "b": 5}).split(groups=groups)  # type: ignore[arg-type]


@given(SIZES, SEEDS)
def test_one_class_against_the_rule_step_by_step(sizes: dict[str, list[int]], seed: int) -> None:
    dataset = grouped(sizes)
    split = dataset.split(0.3, seed=seed)
    for label, groups in sizes.items():
        here = dataset.table[dataset.table["label"] == label]
        names = here["group"].where(here["group"] != "", here["locator"])
        ids = dict(zip(here["locator"], dataset.ids[here.index], strict=True))
        least = {name: min(ids[row] for row in here["locator"][names == name]) for name in names}
        order = sorted(least, key=lambda name: slow_bits(seed, "split", -1, int(least[name]), 1)[0])
        size = names.value_counts()
        left, taken = max(1, round(sum(groups) * 0.3)), []
        for name in order:
            if size[name] <= left and len(taken) < len(order) - 1:
                taken.append(name)
                left -= size[name]
        rest = [name for name in order if name not in taken]
        smallest = min(rest, key=lambda name: size[name])
        if len(rest) > 1 and (not taken or abs(size[smallest] - left) < left):
            taken.append(smallest)
        validation = set(names[split.table["split"].loc[here.index] == "validation"])
        assert validation == set(taken)


def shown_by(hands: str) -> Dataset:
    """Pictures of the classes a and b by hand: "aab" are the classes of one hand's pictures."""
    pairs = sorted((label, hand) for hand, of in enumerate(hands.split()) for label in of)
    dataset = table_only({label: sum(pair[0] == label for pair in pairs) for label in "ab"})
    order = np.argsort(np.argsort(dataset.table["label"].to_numpy(), kind="stable"))
    return dataset.with_columns({"group": [f"hand{pairs[row][1]}" for row in order]})


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("hands", ["aabb aabb", "aaaabbbb ab aabb", "ab ab aab abb ab"])
def test_every_class_is_in_every_split_where_groups_of_all_classes_allow_it(hands, seed):
    split = shown_by(hands).split(0.2, seed=seed)
    assert is_whole(split, "split")
    assert (split.counts()[["train", "validation"]] >= 1).all(axis=None)
    smallest = min(map(len, hands.split()))
    assert split.split_sizes()["validation"] <= max(smallest, 0.35 * len(split))


def test_a_class_within_one_group_cannot_be_split():
    with pytest.raises(DataError, match="The class 'b' has too few groups to be split") as caught:
        shown_by("aa aa ab").split(0.2)
    assert caught.value.received == "1 available"
    with pytest.raises(DataError, match="The class 'b' has too few groups for 3 folds"):
        shown_by("aa ab ab").into_folds(3)
