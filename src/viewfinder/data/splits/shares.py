"""Train, validation and test: stratified, by seed, independent of the order of the files.

The rule: within each class the pictures are ordered by a hash of (seed, locator). The first
`round(n × test)` are the test pictures, the next `round(n × validation)` the validation pictures,
the others the training pictures. A split with a fraction above zero takes at least one picture, and
leaves at least one for each other split and for training.

Groups are kept whole; `placement` has the rule for them. Groups of near duplicates that would spoil
a class (one of them holds most of it) are divided down to exact duplicates, and a note says so.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.randomness import ids
from viewfinder.core.words import percent
from viewfinder.data.splits.groups import (
    Groups,
    Keys,
    place_by_groups,
    relaxed_note,
    resolve_groups,
)
from viewfinder.data.splits.placement import OrderedGroups, TooFewGroups, assign_splits
from viewfinder.data.splits.table import (
    SPLITS,
    UNSPLIT,
    Placed,
    class_indices,
    with_all_split,
    with_splits,
)

_TRAIN = SPLITS.index("train")


def split(
    table: pd.DataFrame,
    classes: Sequence[str],
    *,
    validation: float,
    test: float = 0.0,
    seed: int = 0,
    groups: Groups | str | NDArray[np.integer] | None = None,
) -> Placed:
    """Make the splits that the table does not have yet.

    A table without any splits gets those whose fraction is above zero. Existing splits stay as they
    are, pictures without one join the training pictures, and only a missing validation (or test)
    split is taken from these; pictures that belong to a group in another split are not taken.

    Args:
        table: The pictures.
        classes: The classes' names.
        validation: The validation split's share of each class, in [0, 1).
        test: The test split's share of each class, in [0, 1).
        seed: Determines each picture's split.
        groups: What stays in one split: the name of a column, a key for each picture, or
            :class:`viewfinder.data.splits.groups.Groups`; by default the column `group`, if there
            is one.

    Raises:
        UsageError: The fractions are not shares of a whole, or the groups are invalid.
        DataError: No picture may train, or a class has too few pictures (or groups) to be split.
    """
    require_shares(validation, test)
    groups = resolve_groups(table, groups)
    table, joined = with_all_split(table)
    splits = table["split"].to_numpy(object, copy=True)
    existing = set(splits)
    fractions = {
        name: fraction
        for name, fraction in (("test", test), ("validation", validation))
        if fraction > 0 and name not in existing
    }
    is_pool = np.isin(splits, [UNSPLIT, "train"])
    splits[is_pool] = "train"
    table = with_splits(table, splits)
    if not fractions:
        return Placed(table, joined)
    if len(table) and not is_pool.any():
        raise DataError(
            f"There are no training pictures to take the {' and the '.join(fractions)} split from.",
            received=", ".join(f"{(splits == name).sum():,} {name}" for name in sorted(existing)),
            remedy="add training pictures, or discard the splits that the data came with (`anew`)",
        )
    free = is_pool if groups is None else is_pool & ~np.isin(groups.keys, groups.keys[~is_pool])
    placed = place(table, classes, np.flatnonzero(free), fractions, seed=seed, groups=groups)
    made = tuple(
        f"The data has no {name} split: {percent(fraction, 0)} of each class was set aside at "
        f"random with seed {seed}."
        for name, fraction in fractions.items()
    )
    return Placed(placed.table, (*joined, *made, *placed.notes))


def hold_out(
    table: pd.DataFrame,
    classes: Sequence[str],
    held: str,
    *,
    validation: float,
    seed: int = 0,
    groups: Groups | str | NDArray[np.integer] | None = None,
) -> Placed:
    """Make the split `held` the test split, which is evaluated once, at the end.

    A previous test split is left out, and a validation split is taken from the training pictures
    (unless the table has one besides `held`).

    Raises:
        UsageError: `held` is the training split.
        DataError: A class has too few pictures (or groups) to be split.
    """
    groups = resolve_groups(table, groups)
    if held == "train":
        raise UsageError("The training split cannot be held out.", expected="validation or test")
    notes = [f"Held out for one evaluation at the end: the {held} split."]
    if held == "validation":
        stays = (table["split"] != "test").to_numpy()
        if not stays.all():
            groups = groups and groups.of_rows(np.flatnonzero(stays))
            table = table[stays].reset_index(drop=True)
            notes.insert(0, "Left out: the test split.")
        table = table.assign(split=table["split"].replace(held, "test"))
    made = split(table, classes, validation=validation, seed=seed, groups=groups)
    return Placed(made.table, (*notes, *made.notes))


def join(
    table: pd.DataFrame, classes: Sequence[str], groups: Groups, movable: NDArray[np.bool_]
) -> Placed:
    """Move pictures to the split of the others in their group.

    Where a group is in several splits, test goes before validation, and validation before training.
    Near duplicates that would cost a class more than half of its training pictures stay where they
    are; a note says so.

    Args:
        table: The pictures.
        classes: The classes' names.
        groups: What stays together.
        movable: Which pictures may be moved, shape `(n,)`.
    """
    index = _joined(table, groups.keys, movable)
    labels, count = class_indices(table, classes), len(classes)
    is_train = np.isin(table["split"], ["train", UNSPLIT])
    before = np.bincount(labels[is_train], minlength=count)
    after = np.bincount(labels[is_train & (index <= _TRAIN)], minlength=count)
    is_near = groups.keys != groups.required
    emptied = (after * 2 < before) & (np.bincount(labels[is_near], minlength=count) > 0)
    if emptied.any():
        index = _joined(table, groups.relaxed(emptied[labels]), movable)
    splits = np.array([*SPLITS, UNSPLIT], object)[index]  # -1 selects UNSPLIT, the last
    return Placed(with_splits(table, splits), tuple(relaxed_note(classes, np.flatnonzero(emptied))))


def place(
    table: pd.DataFrame,
    classes: Sequence[str],
    rows: NDArray[np.intp],
    fractions: Mapping[str, float],
    *,
    seed: int,
    groups: Groups | None,
) -> Placed:
    """Place these rows in training and in the splits that have a fraction.

    Pictures that are in one of these splits already count towards its fraction.

    Raises:
        DataError: A class has too few pictures (or groups).
    """
    names, labels = ["train", *fractions], class_indices(table, classes)
    splits = table["split"].to_numpy(object, copy=True)
    splits[rows] = UNSPLIT
    filled = np.array(
        [np.bincount(labels[splits == name], minlength=len(classes)) for name in names]
    ).T
    total = filled.sum(axis=1) + np.bincount(labels[rows], minlength=len(classes))
    wanted = np.zeros_like(filled)
    for index, fraction in enumerate(fractions.values(), start=1):
        wanted[:, index] = np.maximum(1, np.rint(total * fraction))
    wanted[:, 0] = total - wanted.sum(axis=1)
    examples = ids(table["locator"].iloc[rows])

    def assign(keys: Keys | None) -> Keys:
        ordered = OrderedGroups.of("split", seed, examples, labels[rows], keys)
        return assign_splits(ordered, wanted, filled)

    try:
        placed, notes = place_by_groups(table, classes, rows, groups, assign)
    except TooFewGroups as few:
        raise _too_few(classes[few.label], few, names, groups) from few
    splits[rows] = np.array(names, object)[placed]
    return Placed(with_splits(table, splits), notes)


def require_shares(validation: float, test: float) -> None:
    """Raise `UsageError` unless these fractions leave something for training."""
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise UsageError(
            "The splits' fractions must leave something to train on.",
            expected="validation and test in [0, 1), less than 1 together",
            received=f"validation {validation}, test {test}",
        )


def _joined(table: pd.DataFrame, keys: Keys, movable: NDArray[np.bool_]) -> Keys:
    """Each picture's split as an index into `SPLITS`, -1 without one."""
    index = pd.Index(SPLITS).get_indexer(pd.Index(table["split"])).astype(np.int64)
    last = np.full(len(keys), -1, np.int64)
    np.maximum.at(last, keys[~movable], index[~movable])
    return np.where(movable & (last[keys] >= 0), last[keys], index)


def _too_few(label: str, few: TooFewGroups, names: list[str], groups: Groups | None) -> DataError:
    what = "pictures" if groups is None else groups.words
    return DataError(
        f"The class {label!r} has too few {what} to be split.",
        expected=f"at least {few.needed}: one for each of {', '.join(names)}",
        received=f"{few.received} available",
        remedy="add pictures, or remove the class's folder"
        + ("; or define smaller groups" if what == "groups" else ""),
    )
