"""Where a saved dataset may be written, and how decisions are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from viewfinder.core.errors import OutputError
from viewfinder.data.dataset import Dataset
from viewfinder.data.saved.dataset import SavedDataset, create, require_new
from viewfinder.data.saved.journal import Decision
from viewfinder.data.source import paths_in
from viewfinder.data.sources.saved import SavedSource


def is_in_place(dataset: Dataset, output: Path) -> bool:
    """Whether the dataset was opened from this saved dataset."""
    source = dataset.source
    return isinstance(source, SavedSource) and source.folder.resolve() == output.resolve()


def require_output(dataset: Dataset, output: Path) -> None:
    """Raise `OutputError` if a dataset cannot be saved there; call this before any work."""
    if is_in_place(dataset, output):
        return
    require_new(output)
    require_outside(dataset, output)


def require_outside(dataset: Dataset, output: Path) -> None:
    """Raise `OutputError` if the output is inside the pictures' own folder."""
    record = dataset.source.origin.record()
    if record["kind"] != "folder":
        return
    for path in paths_in(record):
        if output.resolve().is_relative_to(path):
            raise OutputError(
                f"{output} is inside the pictures' own folder, which is never written to.",
                expected=f"a folder outside {path}",
                remedy="choose another `output`",
            )


def save_decisions(
    dataset: Dataset, output: Path, decisions: Sequence[Decision], *, opened: Mapping[str, Any]
) -> SavedDataset:
    """Write decisions to a new saved dataset, or to the journal of the one that was opened.

    Args:
        dataset: The dataset before the decisions.
        output: The new folder; or the saved dataset that the dataset was opened from.
        decisions: The entries, in order.
        opened: The options the data was opened with, to be saved with a new dataset.

    Raises:
        DataError: Another process has changed the same pictures.
        OutputError: The folder is another dataset, is inside the pictures' own, or cannot be
            written.
    """
    require_output(dataset, output)
    if not is_in_place(dataset, output):
        source = dataset.source
        settings: Mapping[str, Any] = {"opened": dict(opened)}
        if isinstance(source, SavedSource):
            settings = SavedDataset.open(source.folder).settings_of_copies
        return create(output, dataset, settings=settings, decisions=decisions)
    saved = SavedDataset.open(output)
    for decision in decisions:
        saved.append(decision.verb, decision.why, decision.changes, decision.options)
    return saved
