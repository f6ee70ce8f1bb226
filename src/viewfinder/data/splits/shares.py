"""Train, validation and test: stratified, by seed, the same whatever the order of the files.

The rule: within each class the pictures are ordered by a hash of (seed, locator). The first
`round(n × test)` of them are the test pictures, the next `round(n × validation)` the validation
pictures, the others the training pictures. A fraction above zero takes at least one picture, and
leaves at least one for each of the others and for training.

Groups are kept whole; `placement` has the rule for them. Groups of near duplicates that would spoil
a class (one of them holds most of it) are taken apart down to exact copies, and a note says so.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.randomness import ids
from viewfinder.data.dataset import SPLITS, UNSPLIT, Dataset
from viewfinder.data.splits.groups import Groups, Keys, as_far_as_possible, chosen
from viewfinder.data.splits.placement import DrawnGroups, TooFewGroups, share_out

_TRAIN = SPLITS.index("train")
_MOST_NAMED = 5


def split(
    dataset: Dataset,
    *,
    validation: float,
    test: float = 0.0,
    seed: int = 0,
    groups: Groups | str | NDArray[np.integer] | None = None,
) -> Dataset:
    """Make the splits that the dataset does not have yet.

    A dataset without any splits gets those whose fraction is above zero. Where there are splits
    already they stay as they are, and only a missing validation (or test) split is carved from
    the training pictures; those that belong to a group in another split are not taken for it.

    Args:
        dataset: The pictures.
        validation: The validation split's share of each class, in [0, 1).
        test: The test split's share of each class, in [0, 1).
        seed: Decides which pictures go where.
        groups: What stays on one side: the name of a column, a key for each picture, or
            :class:`viewfinder.data.splits.groups.Groups`; by default the column
            `group`, if there is one.

    Raises:
        UsageError: The fractions are not shares of a whole, or the groups are none.
        DataError: A class has too few pictures (or groups) to be split.
    """
    require_shares(validation, test)
    existing = dataset.split_sizes()
    fractions = {
        name: fraction
        for name, fraction in (("test", test), ("validation", validation))
        if fraction > 0 and name not in existing
    }
    groups = chosen(dataset, groups)
    splits = dataset.table["split"].to_numpy(object, copy=True)
    is_pool = np.isin(splits, [UNSPLIT, "train"])
    splits[is_pool] = "train"
    placed = with_splits(dataset, splits).noting(*_said_aloud(fractions, seed))
    if fractions:
        free = is_pool if groups is None else is_pool & ~np.isin(groups.keys, groups.keys[~is_pool])
        placed = place(placed, np.flatnonzero(free), fractions, seed=seed, groups=groups)
    return placed


def hold_out(
    dataset: Dataset,
    held: str,
    *,
    validation: float,
    seed: int = 0,
    groups: Groups | str | NDArray[np.integer] | None = None,
) -> Dataset:
    """Keep the split `held` for one evaluation at the end: it becomes the test split.

    What was the test split before is left out, and a validation split is carved from the training
    pictures (unless the dataset has one beside `held`).

    Raises:
        DataError: There is no such split.
        UsageError: It is the training split.
    """
    dataset.require_split(held)
    groups = chosen(dataset, groups)
    if held == "train":
        raise UsageError("The training split cannot be held out.", expected="validation or test")
    if held == "validation":
        if "test" in dataset.split_sizes():
            stays = (dataset.table["split"] != "test").to_numpy()
            groups = groups and groups.of_rows(np.flatnonzero(stays))
            dataset = dataset.where(stays).noting("Left out: the test split.")
        dataset = dataset.with_columns(
            {"split": dataset.table["split"].replace(held, "test").array}
        )
    kept = dataset.noting(f"Held out for one evaluation at the end: the {held} split.")
    return split(kept, validation=validation, seed=seed, groups=groups)


def join(dataset: Dataset, groups: Groups, movable: NDArray[np.bool_]) -> Dataset:
    """Bring pictures to the side on which the others of their group are already.

    Where a group is on several sides, the test split goes before validation, and that before
    training. Near duplicates that would cost a class more than half of its training pictures stay
    where they are; a note says so.

    Args:
        dataset: The pictures.
        groups: What belongs together.
        movable: Which of them may be moved, shape `(n,)`.
    """
    side = _joined(dataset, groups.keys, movable)
    is_train = np.isin(dataset.table["split"], ["train", UNSPLIT])
    count = len(dataset.classes)
    before = np.bincount(dataset.labels[is_train], minlength=count)
    after = np.bincount(dataset.labels[is_train & (side <= _TRAIN)], minlength=count)
    loose = groups.keys != groups.firm
    emptied = (after * 2 < before) & (np.bincount(dataset.labels[loose], minlength=count) > 0)
    if emptied.any():
        keys = groups.loosened(emptied[dataset.labels])
        side = _joined(dataset, keys, movable)
    splits = np.array([*SPLITS, UNSPLIT], object)[side]  # -1 is the last of them
    return with_splits(dataset, splits).noting(*_loosened_note(dataset, np.flatnonzero(emptied)))


def place(
    dataset: Dataset,
    rows: NDArray[np.intp],
    fractions: Mapping[str, float],
    *,
    seed: int,
    groups: Groups | None,
) -> Dataset:
    """Place these pictures in training and in the splits that have a fraction.

    All other pictures that are in one of these splits count as placed already.

    Raises:
        DataError: A class has too few pictures (or groups).
    """
    names, labels = ["train", *fractions], dataset.labels
    splits = dataset.table["split"].to_numpy(object, copy=True)
    splits[rows] = UNSPLIT
    filled = np.array(
        [np.bincount(labels[splits == name], minlength=len(dataset.classes)) for name in names]
    ).T
    mine = labels[rows]
    total = filled.sum(axis=1) + np.bincount(mine, minlength=len(dataset.classes))
    wanted = np.zeros_like(filled)
    for number, fraction in enumerate(fractions.values(), start=1):
        wanted[:, number] = np.maximum(1, np.rint(total * fraction))
    wanted[:, 0] = total - wanted.sum(axis=1)
    examples = ids(dataset.table["locator"].iloc[rows])

    def by(keys: Keys | None) -> Keys:
        drawn = DrawnGroups.draw("split", seed, examples, mine, keys)
        return share_out(drawn, wanted, filled)

    try:
        places, notes = placed_by_groups(dataset, rows, groups, by)
    except TooFewGroups as few:
        raise _too_few(dataset.classes[few.label], few, names, groups) from few
    splits[rows] = np.array(names, object)[places]
    return with_splits(dataset, splits).noting(*notes)


def placed_by_groups(
    dataset: Dataset,
    rows: NDArray[np.intp],
    groups: Groups | None,
    by: Callable[[Keys | None], Keys],
) -> tuple[Keys, tuple[str, ...]]:
    """The places of these pictures, and what there is to say of their groups.

    Args:
        dataset: The pictures.
        rows: Those that are placed.
        groups: What belongs together, among all.
        by: Gives the pictures in `rows` their places, by their keys.

    Raises:
        TooFewGroups: Not even what must stay together can be placed.
    """
    if groups is None:
        return by(None), ()
    mine, labels = groups.of_rows(rows), dataset.labels[rows]
    places, loosened = as_far_as_possible(mine, labels, by)
    sizes = np.bincount(mine.loosened(np.isin(labels, loosened)))
    sizes = sizes[sizes > 1]
    words = mine.words.replace("groups", "group", 1) if len(sizes) == 1 else mine.words
    kept = f"{len(sizes):,} {words}, {sizes.sum():,} pictures" if len(sizes) else "nothing"
    if not len(sizes) and not len(loosened):
        kept = f"nothing, for there are no {mine.words}"
    return places, (f"Kept on one side: {kept}.", *_loosened_note(dataset, loosened))


def with_splits(dataset: Dataset, splits: NDArray[np.object_]) -> Dataset:
    """The dataset with these splits."""
    column = dataset.table["split"]
    return dataset.with_columns({"split": pd.Series(splits, column.index, column.dtype).array})


def require_shares(validation: float, test: float) -> None:
    """Raise `UsageError` unless these fractions leave something for training."""
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise UsageError(
            "The splits' fractions must leave something to train on.",
            expected="validation and test in [0, 1), less than 1 together",
            received=f"validation {validation}, test {test}",
        )


def _joined(dataset: Dataset, keys: Keys, movable: NDArray[np.bool_]) -> Keys:
    """Each picture's side as a position in `SPLITS`, -1 without one."""
    side = pd.Index(SPLITS).get_indexer(pd.Index(dataset.table["split"])).astype(np.int64)
    furthest = np.full(len(keys), -1, np.int64)
    np.maximum.at(furthest, keys[~movable], side[~movable])
    return np.where(movable & (furthest[keys] >= 0), furthest[keys], side)


def _too_few(label: str, few: TooFewGroups, names: list[str], groups: Groups | None) -> DataError:
    what = "pictures" if groups is None else groups.words
    return DataError(
        f"The class {label!r} has too few {what} to be split.",
        expected=f"at least {few.needed}: one for each of {', '.join(names)}",
        received=f"{few.received} to take them from",
        remedy="add pictures, or take the class's folder away"
        + ("; or let smaller groups stay together" if what == "groups" else ""),
    )


def _said_aloud(fractions: Mapping[str, float], seed: int) -> list[str]:
    return [
        f"No {name} split was given: {fraction:.0%} of each class was set aside (seed {seed})."
        for name, fraction in fractions.items()
    ]


def _loosened_note(dataset: Dataset, labels: NDArray[np.integer]) -> list[str]:
    if not len(labels):
        return []
    names = ", ".join(dataset.classes[label] for label in labels[:_MOST_NAMED])
    more = f" and {len(labels) - _MOST_NAMED} more" if len(labels) > _MOST_NAMED else ""
    return [
        f"Near duplicates of {names}{more} were not kept together: their groups are too large for "
        "the fractions. Only exact copies were; the score will be too good."
    ]
