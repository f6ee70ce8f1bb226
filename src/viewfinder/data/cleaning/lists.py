"""Labels and names of pictures that the user gives in files."""

from collections.abc import Iterable
from pathlib import Path

from viewfinder.data.dataset import Dataset
from viewfinder.data.sources.cells import header_of, read_cells
from viewfinder.data.sources.hints import Columns
from viewfinder.errors import DataError, UsageError


def read_labels(file: Path) -> dict[str, str]:
    """New labels by locator, from a table with the columns `locator` (or `path` …) and `label`.

    Raises:
        DataError: It cannot be read, has no such columns, or names a picture twice.
    """
    _require_file(file, "--relabel")
    named = "locator" if "locator" in header_of(file) else None
    cells = read_cells(file, Columns(path=named))
    twice = cells["path"][cells["path"].duplicated()]
    if len(twice):
        raise DataError(f"{file} names a picture more than once.", received=str(twice.iloc[0]))
    return dict(zip(cells["path"], cells["label"], strict=True))


def read_names(given: Iterable[str], dataset: Dataset) -> list[str]:
    """Locators: each of what is given is one, or a file with one on each line.

    Raises:
        UsageError: Something is neither.
        DataError: A file cannot be read.
    """
    known = set(dataset.table["locator"])
    names: list[str] = []
    for one in given:
        if one in known:
            names.append(one)
            continue
        _require_file(Path(one), "--quarantine")
        try:
            lines = Path(one).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, ValueError) as error:
            raise DataError(f"{one} cannot be read as a list of names: {error}.") from error
        names += [line for line in map(str.strip, lines) if line]
    return list(dict.fromkeys(names))


def _require_file(file: Path, option: str) -> None:
    if not file.is_file():
        raise UsageError(
            f"{option}: there is no file {file}.",
            expected="a file"
            if option == "--relabel"
            else "a picture's path as the audit names it, or a file with one on each line",
        )
