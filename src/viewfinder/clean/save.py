"""Writing a plan down: as a new saved dataset, or at the end of the journal it came from."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from viewfinder.audit import audit
from viewfinder.clean.draft import CleaningPlan
from viewfinder.clean.plan import DEFAULT_FIXES, plan_cleaning
from viewfinder.core.errors import UsageError
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.saved import QUARANTINE, Entry, SavedDataset, changes, create
from viewfinder.data.saved.place import is_in_place, require_place
from viewfinder.data.sources.saved import SavedSource


def clean(
    dataset: Dataset,
    output: str | Path,
    fixes: Iterable[str] = DEFAULT_FIXES,
    *,
    relabel: Mapping[str, str] | None = None,
    quarantine: Iterable[str] = (),
    progress: Progress | None = None,
) -> SavedDataset:
    """Audit a dataset, and save it with the decisions that follow from the findings.

    The originals stay as they are: see :mod:`viewfinder.data.saved`.

    Args:
        dataset: The pictures.
        output: The folder to write, `NAME.dataset`; where the dataset was opened from this very
            folder, the decisions are added to its journal.
        fixes: See :func:`plan_cleaning`.
        relabel: New labels by locator.
        quarantine: Locators of pictures to leave out.
        progress: Shows how far the audit is.

    Raises:
        UsageError: A fix, locator or label is not known.
        OutputError: The output exists and is another dataset, is inside of the pictures' folder, or
            cannot be written.
    """
    require_place(dataset, Path(output))
    found = audit(dataset, progress=progress)
    plan = plan_cleaning(found, fixes, relabel=relabel, quarantine=quarantine)
    return save_plan(plan, Path(output))


def save_plan(
    plan: CleaningPlan, output: Path, *, opened: Mapping[str, Any] | None = None
) -> SavedDataset:
    """Write a plan down: as a new saved dataset, or at the end of the journal that it came from.

    Args:
        plan: What to do.
        output: The folder.
        opened: What was said of the data when it was opened, to be kept with a new dataset.

    Raises:
        OutputError: As for :func:`clean`.
    """
    require_place(plan.dataset, output)
    if not is_in_place(plan.dataset, output):
        source = plan.dataset.source
        if isinstance(source, SavedSource):  # its original was opened as it says
            settings = SavedDataset.open(source.folder).settings_of_copies
        else:
            settings = {"opened": dict(opened or {})}
        return create(output, plan.dataset, settings=settings, decisions=plan.decisions)
    saved = SavedDataset.open(output)
    for one in plan.decisions:
        saved.append(one.verb, one.why, one.changes, one.options)
    return saved


def restore(saved: SavedDataset, locator: str) -> Entry:
    """Bring one picture back from quarantine, whatever put it there.

    Raises:
        UsageError: It is not in quarantine, or there is no such picture.
    """
    state = saved.state
    held = state.loc[state[QUARANTINE] != "", "locator"]
    if locator not in set(held):
        raise UsageError(
            f"{saved} has no picture {locator} in quarantine.",
            expected=f"one of {len(held):,}, such as {held.iloc[0]}" if len(held) else None,
            remedy=f"`viewfinder log {saved} ENTRY` lists the pictures of an entry",
        )
    return saved.append("restore", "chosen by hand", changes(state, [locator], QUARANTINE, ""))
