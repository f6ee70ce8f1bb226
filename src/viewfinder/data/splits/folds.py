"""Cross-validation: the pictures dealt into folds, each of which judges once.

The column `fold` has each picture's fold as text, "0" to "K-1", and "" for those that are in none:
the test split's. Stratified, by seed, groups kept whole; `placement` has the rule.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.randomness import ids
from viewfinder.data.dataset import Dataset
from viewfinder.data.splits.groups import Groups, Keys, chosen
from viewfinder.data.splits.placement import DrawnGroups, TooFewGroups, deal
from viewfinder.data.splits.shares import placed_by_groups, with_splits

FOLD = "fold"


def into_folds(
    dataset: Dataset,
    folds: int,
    *,
    seed: int = 0,
    groups: Groups | str | NDArray[np.integer] | None = None,
) -> Dataset:
    """Deal all pictures but those of the test split into folds; the first one judges.

    Pictures that are in a fold already stay there.

    Args:
        dataset: The pictures.
        folds: How many, at least 2.
        seed: Decides which picture goes where.
        groups: What stays in one fold; see :func:`viewfinder.data.splits.shares.split`.

    Raises:
        UsageError: There are fewer than two folds.
        DataError: A class has fewer pictures (or groups) than there are folds.
    """
    if folds < 2:
        raise UsageError("There must be at least two folds.", received=str(folds))
    groups = chosen(dataset, groups)
    known = np.full(len(dataset), "", object)
    if FOLD in dataset.table:
        known = dataset.table[FOLD].to_numpy(object, copy=True)
    labels = dataset.labels
    rows = np.flatnonzero((dataset.table["split"] != "test").to_numpy() & (known == ""))
    filled = np.array(
        [
            np.bincount(labels[known == str(fold)], minlength=len(dataset.classes))
            for fold in range(folds)
        ]
    ).T
    examples = ids(dataset.table["locator"].iloc[rows])

    def by(keys: Keys | None) -> Keys:
        return deal(DrawnGroups.draw("folds", seed, examples, labels[rows], keys), filled)

    try:
        dealt, notes = placed_by_groups(dataset, rows, groups, by)
    except TooFewGroups as few:
        raise DataError(
            f"The class {dataset.classes[few.label]!r} has too few "
            f"{groups.words if groups else 'pictures'} for {folds} folds.",
            expected=f"at least one for each of {few.needed}",
            received=str(few.received),
            remedy="take fewer folds, or add pictures",
        ) from few
    known[rows] = np.array([str(fold) for fold in range(folds)], object)[dealt]
    column = pd.Series(known, dtype="str").array
    return use_fold(dataset.with_columns({FOLD: column}), 0).noting(*notes)


def use_fold(dataset: Dataset, fold: int) -> Dataset:
    """The dataset in which this fold is the validation split, and the others are for training.

    Raises:
        UsageError: The dataset has no such fold.
    """
    if FOLD not in dataset.table:
        raise UsageError(
            "The dataset has no folds.",
            expected="a dataset that was split into folds",
            remedy="viewfinder split DATA --folds 5 --output NAME.dataset",
        )
    of = dataset.table[FOLD].to_numpy(object)
    there = folds_of(dataset)
    if fold not in there:
        raise UsageError(
            f"The dataset has no fold {fold}.",
            expected=f"{there[0]} to {there[-1]}" if there else "pictures in folds",
        )
    splits = dataset.table["split"].to_numpy(object, copy=True)
    splits[of != ""] = "train"
    splits[of == str(fold)] = "validation"
    return with_splits(dataset, splits)


def folds_of(dataset: Dataset) -> list[int]:
    """The numbers of the folds that have pictures, rising; none where it was never dealt."""
    return sorted({int(one) for one in dataset.table[FOLD] if one}) if FOLD in dataset.table else []


def fold_counts(dataset: Dataset) -> pd.DataFrame:
    """Pictures per class (rows) and fold (columns); empty where it was never dealt."""
    if FOLD not in dataset.table:
        return pd.DataFrame()
    in_folds = dataset.table[dataset.table[FOLD] != ""]
    dealt = pd.crosstab(in_folds["label"], in_folds[FOLD])
    order = sorted(dealt.columns, key=int)
    return dealt.reindex(index=list(dataset.classes), columns=order, fill_value=0)
