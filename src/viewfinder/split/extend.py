"""Pictures that were added to the original get their side; all others stay where they are."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import UNSPLIT, Dataset, sorted_classes
from viewfinder.data.saved import SavedDataset
from viewfinder.data.splits.folds import FOLD, into_folds
from viewfinder.data.splits.groups import Groups
from viewfinder.data.splits.shares import place
from viewfinder.split.make import groups_of, joined, open_grouped
from viewfinder.split.plan import SplitPlan, SplitUp

# What `split` and `clean` have kept of how the data was opened.
_HINTS = ("label_from", "root", "label_column", "group_from")


def extend(saved: SavedDataset, progress: Progress | None = None) -> SplitUp:
    """Place the pictures that were added to the original since; every other stays on its side.

    A new picture whose copy has a side joins it; the others bring the shares closest to the plan's.
    A split that the new picture came with counts where the data's own splits were kept.

    Raises:
        UsageError: The dataset has not been split, or its original cannot be listed again.
        DataError: A new class has too few pictures.
        OutputError: The audit's cache cannot be written.
    """
    plan = _plan_of(saved)
    original = _opened_again(saved, progress)
    opened = saved.dataset()
    known = {*saved.state["locator"], *(one.path for one in opened.passed_over)}
    added = original.table[~np.asarray(original.table["locator"].isin(known))]
    notes = [*_gone(opened, original), f"New since: {len(added):,}."]
    if not len(added):
        return SplitUp(opened, opened.noting(*notes), plan, None, 0)
    dataset, is_added = _with_added(opened, added, plan)
    groups = groups_of(dataset, plan, progress)
    if groups is not None:
        dataset = joined(dataset, groups, is_added)
        # Those that came with a split bring their copies along.
        dataset = joined(dataset, groups, _unplaced(dataset))
    rows = np.flatnonzero(_unplaced(dataset))
    dataset = place(dataset, rows, plan.carved, seed=plan.seed, groups=groups)
    if plan.folds:
        dataset = _with_folds_of_copies(dataset, groups, is_added) if groups else dataset
        dataset = into_folds(dataset, plan.folds, seed=plan.seed, groups=groups)
    return SplitUp(opened, dataset.noting(*notes), plan, groups, len(added))


def _plan_of(saved: SavedDataset) -> SplitPlan:
    stands = saved.standing
    made = [one for one in saved.entries if one.verb == "split" and one.number in stands]
    if not made:
        raise UsageError(
            f"{saved} has no split that could be extended.",
            remedy=f"viewfinder split {saved} --output {saved} makes one",
        )
    try:
        return SplitPlan.model_validate(dict(made[-1].options))
    except ValidationError as error:
        raise DataError(
            f"Entry {made[-1].number} of {saved} does not say how the split was made.",
            received=str(error.errors()[0]["msg"]),
        ) from error


def _opened_again(saved: SavedDataset, progress: Progress | None) -> Dataset:
    """The original as it is today."""
    record = saved.header.located(saved.folder).record()
    said = saved.opened
    hints = {name: said.get(name) for name in _HINTS}
    in_memory = record["kind"] == "arrays" or (record["kind"] == "table" and not record["file"])
    if in_memory:
        raise UsageError(
            f"What {saved} was made from was in memory and cannot be listed again.",
            expected="a dataset made from files",
            remedy="write the table or the arrays to a file, and make a dataset of that",
        )
    if record["kind"] == "table" and record["path"] != record["root"]:
        hints["root"] = record["root"]
    group_by = said.get("group_by")
    return open_grouped(Path(record["path"]), group_by=group_by, progress=progress, **hints)


def _gone(opened: Dataset, original: Dataset) -> list[str]:
    gone = ~np.asarray(opened.table["locator"].isin(original.table["locator"]))
    if not gone.any():
        return []
    pictures = "picture is" if gone.sum() == 1 else "pictures are"
    first = opened.table["locator"][gone].iloc[0]
    return [f"{gone.sum():,} {pictures} gone since (the first: {first}); the others stay."]


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
    known, labels = opened.classes, set(added["label"].unique())
    classes = (*known, *sorted_classes(labels - set(known)))
    if known == sorted_classes(set(known)):
        classes = sorted_classes({*known, *labels})
    is_added = np.asarray(table["locator"].isin(added["locator"]))
    return Dataset(opened.source, table, classes, opened.passed_over, opened.notes), is_added


def _unplaced(dataset: Dataset) -> NDArray[np.bool_]:
    return np.asarray(dataset.table["split"] == UNSPLIT)


def _with_folds_of_copies(dataset: Dataset, groups: Groups, is_added: NDArray[np.bool_]) -> Dataset:
    """New pictures get the fold of the old ones of their group."""
    folds = dataset.table[FOLD].to_numpy(object, copy=True)
    of_group = np.full(len(dataset), "", object)
    has_fold = folds != ""
    of_group[groups.keys[has_fold]] = folds[has_fold]
    takes = is_added & np.asarray(dataset.table["split"] != "test")
    folds[takes] = of_group[groups.keys[takes]]
    return dataset.with_columns({FOLD: pd.Series(folds, dtype="str").array})
