"""Where a saved dataset may be written."""

from pathlib import Path

from viewfinder.core.errors import OutputError
from viewfinder.data.dataset import Dataset
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
    if output.exists():
        raise OutputError(
            f"{output} exists already.",
            remedy="choose another `output`; to add to this dataset, open it as the data, too",
        )
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
