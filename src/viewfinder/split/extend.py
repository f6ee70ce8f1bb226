"""Place pictures that were added to the original; the pictures placed before do not move."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.core.words import counted
from viewfinder.data.dataset import UNSPLIT, Dataset, extended_classes
from viewfinder.data.saved import SavedDataset
from viewfinder.data.splits.folds import FOLD
from viewfinder.data.splits.groups import Groups
from viewfinder.data.splits.shares import place
from viewfinder.split.make import groups_of, joined, open_grouped
from viewfinder.split.plan import SplitPlan, SplitUp

# The options that `split` and `clean` save of how the data was opened.
_HINTS = (
    *("label_from", "root", "label_column", "value_range"),
    *("group_from", "classes", "layout", "splits"),
)


def extend(saved: SavedDataset, progress: Progress | None = None) -> SplitUp:
    """Place the pictures that were added to the original; all others stay in their split.

    A new picture goes to the split of its duplicates; the rest bring the shares closest to the
    plan's. If the plan kept the data's own splits, the new pictures' own splits count as well.

    Raises:
        UsageError: The dataset has not been split, or its original cannot be listed again.
        DataError: A new class has too few pictures.
        OutputError: The audit's cache cannot be written.
    """
    plan = _plan_of(saved)
    original = _opened_again(saved, progress)
    opened = saved.dataset()
    known = {*saved.state["locator"], *(skipped.path for skipped in opened.passed_over)}
    added = original.table[~np.asarray(original.table["locator"].isin(known))]
    notes = [*_missing(opened, original), f"New pictures: {len(added):,}."]
    if not len(added):
        return SplitUp(opened, opened.noting(*notes), plan, None, 0)
    dataset, is_added = _with_added(opened, added, plan)
    groups = groups_of(dataset, plan, progress)
    if groups is not None:
        dataset = joined(dataset, groups, is_added)
        # New pictures with a split of their own bring their duplicates along.
        dataset = joined(dataset, groups, _unplaced(dataset))
    placed = place(
        dataset.table,
        dataset.classes,
        np.flatnonzero(_unplaced(dataset)),
        plan.set_aside,
        seed=plan.seed,
        groups=groups,
    )
    dataset = dataset.with_table(*placed)
    if plan.folds:
        dataset = _with_folds_of_groups(dataset, groups, is_added) if groups else dataset
        dataset = dataset.into_folds(plan.folds, seed=plan.seed, groups=groups)
    return SplitUp(opened, dataset.noting(*notes), plan, groups, len(added))


def _plan_of(saved: SavedDataset) -> SplitPlan:
    standing = saved.standing
    splits = [
        entry for entry in saved.entries if entry.verb == "split" and entry.number in standing
    ]
    if not splits:
        raise UsageError(
            f"{saved} has no split to extend.",
            remedy="split the dataset first: `viewfinder split`",
        )
    try:
        return SplitPlan.model_validate(dict(splits[-1].options))
    except ValidationError as error:
        raise DataError(
            f"Entry {splits[-1].number} of {saved} holds no valid settings of a split.",
            received=str(error.errors()[0]["msg"]),
        ) from error


def _opened_again(saved: SavedDataset, progress: Progress | None) -> Dataset:
    """The original in its present state."""
    record = saved.header.located(saved.folder).record()
    options = saved.opened
    hints = {name: options.get(name) for name in _HINTS}
    if saved.header.layout:  # so that added folders do not change what the others are read as
        hints |= {"layout": saved.header.layout, "splits": None}
    in_memory = record["kind"] == "arrays" or (record["kind"] == "table" and not record["file"])
    if in_memory:
        raise UsageError(
            f"{saved} was made from data in memory, which cannot be listed again.",
            expected="a dataset made from files",
            remedy="write the table or the arrays to a file, and make a dataset of that",
        )
    if record["kind"] == "table" and record["path"] != record["root"]:
        hints["root"] = record["root"]
    group_by = options.get("group_by")
    return open_grouped(Path(record["path"]), group_by=group_by, progress=progress, **hints)


def _missing(opened: Dataset, original: Dataset) -> list[str]:
    missing = ~np.asarray(opened.table["locator"].isin(original.table["locator"]))
    if not missing.any():
        return []
    first = opened.table["locator"][missing].iloc[0]
    pictures = counted(int(missing.sum()), "picture is")
    return [f"{pictures} missing (the first: {first}); the others stay."]


def _with_added(
    opened: Dataset, added: pd.DataFrame, plan: SplitPlan
) -> tuple[Dataset, NDArray[np.bool_]]:
    """The dataset with the new pictures, and which of its rows are new."""
    kept_as_given = ["test"] if plan.folds else ["validation", "test"]
    given = added["split"].where(added["split"].isin([] if plan.anew else kept_as_given), UNSPLIT)
    added = added.assign(split=given)
    columns = [*dict.fromkeys((*opened.table.columns, *added.columns))]
    parts = [part.reindex(columns=columns, fill_value="") for part in (opened.table, added)]
    table = pd.concat(parts, ignore_index=True).sort_values("locator", ignore_index=True)
    classes = extended_classes(opened.classes, set(added["label"].unique()))
    is_added = np.asarray(table["locator"].isin(added["locator"]))
    return replace(opened, table=table, classes=classes), is_added


def _unplaced(dataset: Dataset) -> NDArray[np.bool_]:
    return np.asarray(dataset.table["split"] == UNSPLIT)


def _with_folds_of_groups(dataset: Dataset, groups: Groups, is_added: NDArray[np.bool_]) -> Dataset:
    """The dataset in which new pictures have the fold of the old pictures of their group."""
    folds = dataset.table[FOLD].to_numpy(object, copy=True)
    fold_of_group = np.full(len(dataset), "", object)
    has_fold = folds != ""
    fold_of_group[groups.keys[has_fold]] = folds[has_fold]
    is_placed = is_added & np.asarray(dataset.table["split"] != "test")
    folds[is_placed] = fold_of_group[groups.keys[is_placed]]
    return dataset.with_columns({FOLD: pd.Series(folds, dtype="str").array})
