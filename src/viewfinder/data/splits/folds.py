"""Folds for cross-validation: stratified, by seed, groups kept whole.

The column `fold` holds each picture's fold as text, "0" to "K-1", and "" for pictures in no fold:
those of the test split. `placement` has the rule.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.randomness import ids
from viewfinder.data.splits.groups import Groups, Keys, place_by_groups, resolve_groups
from viewfinder.data.splits.placement import OrderedGroups, TooFewGroups, assign_folds
from viewfinder.data.splits.table import Placed, class_indices, with_splits

FOLD = "fold"


def into_folds(
    table: pd.DataFrame,
    classes: Sequence[str],
    folds: int,
    *,
    seed: int = 0,
    groups: Groups | str | NDArray[np.integer] | None = None,
) -> Placed:
    """Assign all pictures outside the test split to folds; fold 0 becomes the validation split.

    Pictures that have a fold keep it.

    Args:
        table: The pictures.
        classes: The classes' names.
        folds: The number of folds, at least 2.
        seed: Determines each picture's fold.
        groups: What stays in one fold; see :func:`viewfinder.data.splits.shares.split`.

    Raises:
        UsageError: There are fewer than two folds.
        DataError: A class has fewer pictures (or groups) than folds.
    """
    if folds < 2:
        raise UsageError("There must be at least two folds.", received=str(folds))
    groups = resolve_groups(table, groups)
    fold_of = np.full(len(table), "", object)
    if FOLD in table:
        fold_of = table[FOLD].to_numpy(object, copy=True)
    labels = class_indices(table, classes)
    rows = np.flatnonzero((table["split"] != "test").to_numpy() & (fold_of == ""))
    filled = np.array(
        [np.bincount(labels[fold_of == str(fold)], minlength=len(classes)) for fold in range(folds)]
    ).T
    examples = ids(table["locator"].iloc[rows])

    def place(keys: Keys | None) -> Keys:
        ordered = OrderedGroups.of("folds", seed, examples, labels[rows], keys)
        return assign_folds(ordered, filled)

    try:
        placed, notes = place_by_groups(table, classes, rows, groups, place)
    except TooFewGroups as few:
        raise DataError(
            f"The class {classes[few.label]!r} has too few "
            f"{groups.words if groups else 'pictures'} for {folds} folds.",
            expected=f"at least one for each of {few.needed}",
            received=str(few.received),
            remedy="use fewer folds, or add pictures",
        ) from few
    fold_of[rows] = placed.astype(str)
    table = table.assign(**{FOLD: pd.Series(fold_of, table.index, "str")})
    return Placed(use_fold(table, 0), notes)


def use_fold(table: pd.DataFrame, fold: int) -> pd.DataFrame:
    """The table with this fold as the validation split and the other folds as training.

    Raises:
        UsageError: The table has no such fold.
    """
    if FOLD not in table:
        raise UsageError(
            "The dataset has no folds.",
            expected="a dataset that was split into folds",
            remedy="split the dataset into folds: `viewfinder split`",
        )
    folds = folds_of(table)
    if fold not in folds:
        raise UsageError(
            f"The dataset has no fold {fold}.",
            expected=f"{folds[0]} to {folds[-1]}" if folds else "pictures in folds",
        )
    fold_of = table[FOLD].to_numpy(object)
    splits = table["split"].to_numpy(object, copy=True)
    splits[fold_of != ""] = "train"
    splits[fold_of == str(fold)] = "validation"
    return with_splits(table, splits)


def folds_of(table: pd.DataFrame) -> list[int]:
    """The numbers of the folds that have pictures, ascending; empty without folds."""
    return sorted({int(fold) for fold in table[FOLD] if fold}) if FOLD in table else []


def fold_counts(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Pictures per class (rows) and fold (columns); empty without folds."""
    if FOLD not in table:
        return pd.DataFrame()
    in_folds = table[table[FOLD] != ""]
    counts = pd.crosstab(in_folds["label"], in_folds[FOLD])
    order = sorted(counts.columns, key=int)
    return counts.reindex(index=list(classes), columns=order, fill_value=0)
