"""Where a saved dataset may be written."""

from pathlib import Path

from viewfinder.core.errors import OutputError
from viewfinder.data.dataset import Dataset
from viewfinder.data.source import places
from viewfinder.data.sources.saved import SavedSource


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
