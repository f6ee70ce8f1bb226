"""The paths in a table: their form, and the files that they name."""

import os
import re
from pathlib import Path, PurePosixPath
from stat import S_ISREG

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.core.errors import DataError
from viewfinder.core.files import kind_of
from viewfinder.data.sources.delimited import names_a_picture
from viewfinder.data.sources.folder import list_folder
from viewfinder.data.sources.listing import leads_out
from viewfinder.data.sources.recognise.tree import may_be_picture

# The size of a missing file.
NO_FILE = -1
# How many folders are searched for files that are missing.
_MOST_FOLDERS = 500
# Cells that are no paths, though a column of paths may hold them.
_NO_PATHS = {
    "addresses of the web": (
        re.compile(r"(https?|ftp|s3|gs):/", re.IGNORECASE),
        "download the pictures, and write the paths of the files into the table",
    ),
    "the bytes of pictures": (
        re.compile(r"\{'bytes': |b['\"]"),
        "open the Parquet file itself; or write the bytes into files, and their paths into a table",
    ),
    "pictures as text (base64)": (
        re.compile(r"data:image/|[\w+/=\s]{300}"),
        "write what `base64.b64decode` returns into files, and their paths into the table",
    ),
}
_ABSOLUTE = re.compile(r"/|[A-Za-z]:")


def plain_paths(paths: pd.Series, root: Path, notes: list[str]) -> pd.Series:
    """Normalize the paths, because a picture's path is its identity."""
    if os.sep == "/":
        with_backslash = paths[paths.str.contains("\\", regex=False)]
        if len(with_backslash) and not os.path.exists(  # noqa: PTH110 (Path's own raises where a name is too long)
            os.path.join(root, str(with_backslash.iloc[0]))  # noqa: PTH118
        ):
            notes.append("Backslashes in the paths were read as slashes.")
            paths = paths.str.replace("\\", "/", regex=False)
    unusual = paths.str.contains(r"(?:^|/)\.?/.|/$", regex=True)
    if unusual.any():
        plain = paths[unusual].str.replace(r"(?<=.)/(?:\.?/)+", "/", regex=True)
        paths = paths.where(~unusual, plain.str.replace(r"^(?:\./+)+", "", regex=True))
    return paths


def with_folders_opened(cells: pd.DataFrame, root: Path, notes: list[str]) -> pd.DataFrame:
    """The rows, with one for each picture in a folder in place of the row that names the folder.

    Folders outside of the root stay.

    Args:
        cells: A table's cells, with normalized paths as `path`.
        root: The folder that relative paths start at.
        notes: Receives what the user should know.
    """
    prefix = os.path.join(root, "")  # noqa: PTH118
    held = {
        path: [
            "/".join((path.rstrip("/"), *file.parts))
            for file in list_folder(root / path).files
            if may_be_picture(file)
        ]
        for path in cells["path"].unique()
        if path
        and not names_a_picture(path)
        and not leads_out(path)
        and os.path.isdir(prefix + path)  # noqa: PTH112
    }
    if not any(held.values()):
        return cells
    count = sum(map(len, held.values()))
    notes.append(f"Folders that stand for the pictures in them: {len(held):,}, with {count:,}.")
    opened = cells.assign(path=cells["path"].map(lambda path: held.get(path) or [path]))
    return opened.explode("path", ignore_index=True).astype({"path": "str"})


def found_files(
    table: object, root: Path, locators: pd.Series, notes: list[str]
) -> tuple[pd.Series, NDArray[np.int64]]:
    """Return the paths, with a file's ending where the table has only ids, and the files' sizes.

    Args:
        table: For messages.
        root: The folder that relative paths start at.
        locators: The paths.
        notes: Receives what the user should know.

    Returns:
        The paths; and the sizes in bytes, `NO_FILE` for missing files.

    Raises:
        DataError: None of the files exists.
    """
    sizes = _sizes(root, locators)
    if (sizes == NO_FILE).any():
        completed = _completed(root, locators.where(sizes == NO_FILE, ""))
        if len(completed):
            locators = locators.where(~locators.index.isin(completed.index), completed)
            sizes = _sizes(root, locators)
            endings = completed.map(lambda path: PurePosixPath(path).suffix).value_counts()
            notes.append(f"Paths without an ending were completed: {', '.join(endings.index)}.")
    missing = int((sizes == NO_FILE).sum())
    if missing and missing == len(sizes):
        first = str(locators.iloc[0])
        if start := _start_elsewhere(root, locators):
            notes.append(f"The paths start with {start}, which is not here: read below {root}.")
            return found_files(table, root, locators.str.removeprefix(start), notes)
        for what, (form, remedy) in _NO_PATHS.items():
            if form.match(first):
                fact = f"The column of paths of {table} holds {what}."
                raise DataError(fact, expected="paths of files", received=first[:60], remedy=remedy)
        elsewhere = _folder_of(root, first)
        raise DataError(
            f"None of the {missing:,} files in {table} exists.",
            expected=f"paths relative to {root.resolve()}",
            received=first,
            remedy=f"`root={elsewhere}`, where this file is"
            if elsewhere
            else "set `root` to the folder that the paths start at",
        )
    if missing:
        first = locators[sizes == NO_FILE].iloc[0]
        notes.append(f"{missing:,} of {len(sizes):,} files are missing, the first {first}.")
    return locators, sizes


def _sizes(root: Path, locators: pd.Series) -> NDArray[np.int64]:
    # For a million files, this is several times as fast as pathlib.
    stat, is_absolute, is_file = os.stat, os.path.isabs, S_ISREG
    prefix = os.path.join(root, "")  # noqa: PTH118
    is_posix = os.name == "posix"

    def size(locator: str) -> int:
        absolute = locator.startswith("/") if is_posix else is_absolute(locator)
        try:
            found = stat(locator if absolute else prefix + locator)
            return found.st_size if is_file(found.st_mode) else NO_FILE
        except (OSError, ValueError):
            return NO_FILE

    return np.fromiter(map(size, locators.tolist()), np.int64, len(locators))


def _completed(root: Path, locators: pd.Series) -> pd.Series:
    """The paths without a picture's ending for which there is a single such file."""
    ids = locators[[bool(path) and not names_a_picture(path) for path in locators.tolist()]]
    by_folder: dict[Path, dict[str, str | None]] = {}

    def complete(path: str) -> str | None:
        folder, _, name = path.rpartition("/")
        below = root / folder
        if below not in by_folder:
            by_folder[below] = _pictures_by_stem(below)
        found = by_folder[below].get(name)
        return found and (f"{folder}/{found}" if folder else found)

    return ids.map(complete).dropna()


def _pictures_by_stem(folder: Path) -> dict[str, str | None]:
    """The pictures in a folder by their names without ending; None where two share one."""
    found: dict[str, str | None] = {}
    try:
        names = sorted(path.name for path in folder.iterdir())
    except (OSError, ValueError):
        return found
    for name in filter(names_a_picture, names):
        stem = name.rpartition(".")[0]
        found[stem] = None if stem in found else name
    return found


def _folder_of(root: Path, locator: str) -> Path | None:
    """The folder near the root in which a path leads to a file or a folder; perhaps no ending."""
    wanted = pd.Series([locator])
    folders = [*_folders(root), *_folders(root.parent)]
    for folder in [*folders, *(inner for outer in folders for inner in _folders(outer))]:
        is_there = _sizes(folder, wanted)[0] != NO_FILE or len(_completed(folder, wanted))
        if is_there or (not leads_out(locator) and os.path.isdir(folder / locator)):  # noqa: PTH112
            return folder
    return None


def _start_elsewhere(root: Path, locators: pd.Series) -> str:
    """What absolute paths of another computer start with, if their rest leads to files; else ""."""
    first = str(locators.iloc[0])
    if not _ABSOLUTE.match(first):
        return ""
    parts = first.split("/")
    rests = pd.Series(["/".join(parts[cut:]) for cut in range(1, len(parts))])
    found = rests[_sizes(root, rests) != NO_FILE]
    start = first.removesuffix(found.iloc[0]) if len(found) else ""
    return start if start and locators.str.startswith(start).all() else ""


def _folders(root: Path) -> list[Path]:
    try:
        with os.scandir(root) as entries:
            return sorted(Path(one) for one in entries if kind_of(one) == "folder")[:_MOST_FOLDERS]
    except OSError:
        return []


def note_strays(
    table: object, root: Path, locators: pd.Series, notes: list[str], *, is_foreign: bool
) -> None:
    """Note paths that lead out of the root; refuse them in a table from an archive."""
    strays = locators[locators.str.contains(r"^(?:/|[A-Za-z]:)|(?:^|/)\.\.(?:/|$)", regex=True)]
    if not len(strays):
        return
    if is_foreign:
        raise DataError(
            f"{table} names files outside of its archive.",
            expected="paths below the table's folder",
            received=str(strays.iloc[0]),
        )
    notes.append(
        f"{len(strays):,} paths are absolute or lead out of {root}, the first {strays.iloc[0]}."
    )
