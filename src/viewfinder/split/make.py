"""Split a dataset without leaks: groups and duplicates stay in one split."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.audit import duplicate_groups, survey
from viewfinder.core.progress import Progress
from viewfinder.core.words import counted
from viewfinder.data.dataset import SPLITS, UNSPLIT, Dataset
from viewfinder.data.sources import open_dataset
from viewfinder.data.sources.grouping import with_groups_from
from viewfinder.data.sources.saved import is_saved
from viewfinder.data.splits.folds import FOLD
from viewfinder.data.splits.groups import GROUP, Groups, by_column, connected
from viewfinder.data.splits.shares import join, require_shares
from viewfinder.split.plan import Copies, SplitPlan, SplitUp


def open_grouped(
    path: Path, *, group_by: str | None, progress: Progress | None = None, **hints: Any
) -> Dataset:
    """Open a dataset whose column `group` is a copy of the column `group_by`.

    Args:
        path: Any data; see :func:`viewfinder.data.sources.open_dataset`.
        group_by: A column of the table, or of the saved dataset; None: the dataset's own groups.
        progress: Receives progress.
        hints: The other arguments of `open_dataset`.

    Raises:
        UsageError: There is no such column.
    """
    if group_by is None or not is_saved(path):
        return open_dataset(path, group_column=group_by, progress=progress, **hints)
    dataset = open_dataset(path, progress=progress, **hints)
    by_column(dataset.table, group_by)
    return dataset.with_columns({GROUP: dataset.table[group_by].array})


def split_up(dataset: Dataset, plan: SplitPlan, progress: Progress | None = None) -> SplitUp:
    """Place every picture in a split so that no duplicate or group is in two.

    Existing splits stay as they are, unless `plan.anew`; but a training picture whose duplicate is
    in another split is moved there.

    Raises:
        UsageError: The plan is impossible, or its pattern for groups does not fit the data.
        DataError: A class has too few pictures (or groups).
        OutputError: The audit's cache cannot be written.
    """
    require_shares(plan.validation, plan.test)
    opened = dataset
    if plan.anew:
        columns = ["split", *([FOLD] if FOLD in dataset.table else [])]
        dataset = dataset.with_table(dataset.table.assign(**dict.fromkeys(columns, UNSPLIT)))
    if plan.group_from is not None:
        dataset = with_groups_from(dataset, plan.group_from)
    groups = groups_of(dataset, plan, progress)
    set_aside = {
        name: share
        for name, share in (("test", plan.test), ("validation", plan.validation))
        if share > 0 and name not in dataset.split_sizes() and not (plan.folds and name != "test")
    }
    plan = plan.model_copy(update={"set_aside": set_aside})
    before = dataset.table["split"].to_numpy(object)
    if groups is not None:
        dataset = joined(dataset, groups, np.isin(before, [UNSPLIT, "train"]))
    validation = 0.0 if plan.folds else plan.validation
    dataset = dataset.split(validation, plan.test, seed=plan.seed, groups=groups)
    if plan.folds:
        dataset = dataset.into_folds(plan.folds, seed=plan.seed, groups=groups)
    placed = int((dataset.table["split"].to_numpy(object) != before).sum())
    if not placed:
        dataset = dataset.noting(
            "Every picture was in a split already, and none was moved. To discard these splits, "
            "split anew."
        )
    return SplitUp(opened, dataset, plan, groups, placed)


def groups_of(dataset: Dataset, plan: SplitPlan, progress: Progress | None = None) -> Groups | None:
    """The groups that a plan keeps in one split.

    Raises:
        OutputError: The audit's cache cannot be written.
    """
    column = Groups.of(by_column(dataset.table, GROUP)) if GROUP in dataset.table else None
    copies = plan.copies or (Copies.IGNORE if column else Copies.NEAR)
    if copies is Copies.IGNORE:
        return column
    duplicates = duplicate_groups(survey(dataset, progress=progress)).as_groups()
    keys = duplicates.required if copies is Copies.EXACT else duplicates.keys
    if column is None:
        return Groups(keys, duplicates.required, duplicates.words)
    return Groups(connected(keys, column.keys), connected(duplicates.required, column.keys))


def joined(dataset: Dataset, groups: Groups, movable: NDArray[np.bool_]) -> Dataset:
    """The dataset after `join`, with a note of how many pictures moved to which split."""
    before = dataset.table["split"].to_numpy(object)
    dataset = dataset.with_table(*join(dataset.table, dataset.classes, groups, movable))
    after = dataset.table["split"].to_numpy(object)
    moved = after[after != before]
    if not len(moved):
        return dataset
    whose = "groups" if groups.words == "groups" else "duplicates"
    where = ", ".join(f"{(moved == name).sum():,} {name}" for name in SPLITS if name in moved)
    pictures = counted(len(moved), "picture")
    return dataset.noting(f"Moved {pictures} to the split of their {whose}: {where}.")
