"""Writing a plan down: as a new saved dataset, or at the end of the journal it came from."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from viewfinder.data.audit import audit
from viewfinder.data.cleaning.draft import CleaningPlan
from viewfinder.data.cleaning.plan import DEFAULT_FIXES, plan_cleaning
from viewfinder.data.dataset import Dataset
from viewfinder.data.saved import QUARANTINE, Entry, SavedDataset, changes, create
from viewfinder.data.sources.moving import places
from viewfinder.data.sources.saved import SavedSource
from viewfinder.errors import OutputError, UsageError
from viewfinder.progress import Progress


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


def is_in_place(dataset: Dataset, output: Path) -> bool:
    """Whether the dataset was opened from this saved dataset."""
    source = dataset.source
    return isinstance(source, SavedSource) and source.folder.resolve() == output.resolve()


def require_place(dataset: Dataset, output: Path) -> None:
    """Raise `OutputError` where a dataset cannot be saved: said before any work is done."""
    if is_in_place(dataset, output):
        return
    if output.exists():
        raise OutputError(
            f"{output} exists already.",
            remedy="choose another name with --output; to add to it, give it as DATA, too",
        )
    require_outside(dataset, output)


def require_outside(dataset: Dataset, output: Path) -> None:
    """Raise `OutputError` where the output would lie inside of the pictures' own folder."""
    record = dataset.source.origin.record()
    if record["kind"] != "folder":
        return
    for place in places(record):
        if output.resolve().is_relative_to(place):
            raise OutputError(
                f"{output} is inside of the pictures' own folder, which is never written to.",
                expected=f"a place outside of {place}",
                remedy="choose another place with --output",
            )
