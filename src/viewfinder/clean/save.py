"""Write the decisions of a cleaning to the journal of a new or existing saved dataset."""

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from viewfinder.audit import audit
from viewfinder.clean.draft import CleaningPlan
from viewfinder.clean.plan import DEFAULT_FIXES, plan_cleaning
from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.saved import QUARANTINE, Entry, SavedDataset, changes
from viewfinder.data.saved.output import require_output, save_decisions
from viewfinder.data.sources import as_dataset


def clean(
    dataset: Dataset | str | PathLike[str],
    output: str | Path,
    fixes: Iterable[str] = DEFAULT_FIXES,
    *,
    relabel: Mapping[str, str] | None = None,
    quarantine: Iterable[str] = (),
    progress: Progress | None = None,
) -> SavedDataset:
    """Audit a dataset, and save it with the decisions that follow from the findings.

    The originals are not changed; see :mod:`viewfinder.data.saved`.

    Args:
        dataset: The pictures, or their path.
        output: The folder to write, `NAME.dataset`; if the dataset was opened from this folder,
            the decisions are appended to its journal.
        fixes: See :func:`plan_cleaning`.
        relabel: New labels by locator.
        quarantine: Locators of pictures to leave out.
        progress: Receives the progress of the audit.

    Raises:
        UsageError: A fix, locator or label is unknown.
        DataError: No picture would be left.
        OutputError: The output exists and is another dataset, is inside the pictures' folder, or
            cannot be written.
    """
    dataset = as_dataset(dataset)
    require_output(dataset, Path(output))
    audited = audit(dataset, progress=progress)
    plan = plan_cleaning(audited, fixes, relabel=relabel, quarantine=quarantine)
    return save_plan(plan, Path(output))


def save_plan(
    plan: CleaningPlan, output: Path, *, opened: Mapping[str, Any] | None = None
) -> SavedDataset:
    """Write a plan to a new saved dataset, or to the journal of the dataset that was cleaned.

    Args:
        plan: The decisions.
        output: The folder.
        opened: The options the data was opened with, to be saved with a new dataset.

    Raises:
        DataError: No picture would be left.
        OutputError: As for :func:`clean`.
    """
    if not plan.leaves:
        raise DataError(
            "No picture would be left, so nothing was written.",
            expected=f"decisions that keep some of the {len(plan.dataset):,} pictures",
            received="; ".join(f"{made.pictures:,} {made.why}" for made in plan.decisions),
            remedy="choose other findings with `fix`, or fewer pictures with `quarantine`",
        )
    return save_decisions(plan.dataset, output, plan.decisions, opened=opened or {})


def restore(saved: SavedDataset, locator: str) -> Entry:
    """Take one picture out of quarantine, whichever entry put it there.

    Raises:
        UsageError: The picture is not in quarantine, or does not exist.
    """
    state = saved.state
    held = state.loc[state[QUARANTINE] != "", "locator"]
    if locator not in set(held):
        raise UsageError(
            f"{saved} has no picture {locator} in quarantine.",
            expected=f"one of {len(held):,}, such as {held.iloc[0]}" if len(held) else None,
            remedy=f"the journal of {saved} lists the pictures of each entry",
        )
    return saved.append("restore", "chosen by hand", changes(state, [locator], QUARANTINE, ""))
