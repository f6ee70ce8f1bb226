"""Every picture gets its side, and what belongs together stays together."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.progress import Progress
from viewfinder.data.dataset import SPLITS, UNSPLIT, Dataset
from viewfinder.data.sources import open_dataset
from viewfinder.data.sources.grouping import grouped_by_names
from viewfinder.data.sources.saved import is_saved
from viewfinder.data.splits.folds import FOLD, into_folds
from viewfinder.data.splits.groups import GROUP, Groups, by_column, together
from viewfinder.data.splits.shares import join, require_shares, split, with_splits
from viewfinder.split.duplicates import by_duplicates
from viewfinder.split.plan import Copies, SplitPlan, SplitUp


def open_grouped(
    path: Path, *, group_by: str | None, progress: Progress | None = None, **hints: Any
) -> Dataset:
    """Open a dataset whose column `group` is the one that was asked for.

    Args:
        path: Any data; see :func:`viewfinder.data.sources.open_dataset`.
        group_by: The column of the table, or of the saved dataset.
        progress: Shows how far it is.
        hints: The other arguments of `open_dataset`.

    Raises:
        UsageError: There is no such column.
    """
    if group_by is None or not is_saved(path):
        return open_dataset(path, group_column=group_by, progress=progress, **hints)
    dataset = open_dataset(path, progress=progress, **hints)
    by_column(dataset, group_by)
    return dataset.with_columns({GROUP: dataset.table[group_by].array})


def split_up(dataset: Dataset, plan: SplitPlan, progress: Progress | None = None) -> SplitUp:
    """Give every picture its side, so that nothing leaks from one to another.

    Splits that the data came with stay as they are, unless `plan.anew`; but a training picture
    whose copy is in another split is moved to it.

    Raises:
        UsageError: The plan cannot be, or its pattern for groups does not fit the data.
        DataError: A class has too few pictures (or groups).
        OutputError: The audit's cache cannot be written.
    """
    require_shares(plan.validation, plan.test)
    opened = dataset
    if plan.anew:
        blank = np.full(len(dataset), UNSPLIT, object)
        dataset = with_splits(dataset, blank)
        if FOLD in dataset.table:
            dataset = dataset.with_columns({FOLD: blank})
    if plan.group_from is not None:
        dataset = grouped_by_names(dataset, plan.group_from)
    groups = groups_of(dataset, plan, progress)
    carved = {
        name: share
        for name, share in (("test", plan.test), ("validation", plan.validation))
        if share > 0 and name not in dataset.split_sizes() and not (plan.folds and name != "test")
    }
    plan = plan.model_copy(update={"carved": carved})
    came_with = dataset.table["split"].to_numpy(object)
    if groups is not None:
        dataset = joined(dataset, groups, np.isin(came_with, [UNSPLIT, "train"]))
    validation = 0.0 if plan.folds else plan.validation
    dataset = split(dataset, validation=validation, test=plan.test, seed=plan.seed, groups=groups)
    if plan.folds:
        dataset = into_folds(dataset, plan.folds, seed=plan.seed, groups=groups)
    placed = int((dataset.table["split"].to_numpy(object) != came_with).sum())
    if not placed:
        dataset = dataset.noting(
            "Every picture was in a split already, and none was moved; --anew places them anew."
        )
    return SplitUp(opened, dataset, plan, groups, placed)


def groups_of(dataset: Dataset, plan: SplitPlan, progress: Progress | None = None) -> Groups | None:
    """What a plan keeps on one side.

    Raises:
        OutputError: The audit's cache cannot be written.
    """
    column = Groups.of(by_column(dataset, GROUP)) if GROUP in dataset.table else None
    copies = plan.copies or (Copies.IGNORE if column else Copies.NEAR)
    if copies is Copies.IGNORE:
        return column
    found = by_duplicates(dataset, progress)
    keys = found.firm if copies is Copies.EXACT else found.keys
    if column is None:
        return Groups(keys, found.firm, found.words)
    return Groups(together(keys, column.keys), together(found.firm, column.keys))


def joined(dataset: Dataset, groups: Groups, movable: NDArray[np.bool_]) -> Dataset:
    """The same as `join`, and a note of how many pictures were put where."""
    before = dataset.table["split"].to_numpy(object)
    dataset = join(dataset, groups, movable)
    after = dataset.table["split"].to_numpy(object)
    moved = after[after != before]
    if not len(moved):
        return dataset
    pictures = "picture was" if len(moved) == 1 else "pictures were"
    whose = "groups" if groups.words == "groups" else "copies"
    where = ", ".join(f"{(moved == name).sum():,} {name}" for name in SPLITS if name in moved)
    return dataset.noting(f"{len(moved):,} {pictures} put on the side of their {whose}: {where}.")
