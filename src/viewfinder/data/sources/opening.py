"""What is at a path, told by its content, and the kind of source that opens it."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

from viewfinder.data.codecs.magic import format_of
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources.archive import open_archive
from viewfinder.data.sources.delimited import TEXT_ENDINGS, sniff
from viewfinder.data.sources.folder import open_folder
from viewfinder.data.sources.hints import Hints
from viewfinder.data.sources.idx import is_idx_name, open_idx
from viewfinder.data.sources.layout import MOST_WRAPPERS, is_system_name
from viewfinder.data.sources.metadata import metadata_files, open_metadata
from viewfinder.data.sources.npz import open_npz
from viewfinder.data.sources.pixel_csv import open_pixel_csv, open_split_csvs
from viewfinder.data.sources.saved import is_saved
from viewfinder.data.sources.table import open_table_file
from viewfinder.data.sources.tarred import is_tar
from viewfinder.data.sources.zipped import DAMAGED_ZIP, is_zip
from viewfinder.errors import DataError, RejectedPicture
from viewfinder.progress import Progress

KINDS = (
    "a folder of pictures; a saved dataset; a CSV or Parquet table of paths and labels; "
    "a CSV of pixels; idx or .npz files; or a zip or tar archive of these"
)
_TABLE_ENDINGS = frozenset({*TEXT_ENDINGS, ".parquet", ".pq", ".npz"})


def open_path(path: Path, hints: Hints, progress: Progress | None = None) -> Dataset:
    """Open what is at the path, whatever kind it is.

    Raises:
        DataError: There is nothing, or nothing that is understood.
    """
    if os.path.isdir(path):  # noqa: PTH112 (Path's own raises where a name is too long)
        return _open_saved(path, hints) if is_saved(path) else open_any_folder(path, hints)
    if not os.path.exists(path):  # noqa: PTH110
        raise DataError(
            f"There is nothing at {path}.",
            expected=KINDS,
            remedy="check the spelling; relative paths start at the current folder",
        )
    opener = _opener(path)
    if opener is not None:
        return opener(path, hints)
    if _is_archive(path):
        return open_archive(path, hints, open_any_folder, progress)
    raise DataError(f"{path} is not a folder.", expected=KINDS, received=_in_words(path))


def _open_saved(folder: Path, hints: Hints) -> Dataset:
    # Imported here, for a saved dataset may be of any kind of source.
    from viewfinder.data.saved import SavedDataset

    hints.only(kind="a saved dataset")
    return SavedDataset.open(folder).dataset()


def open_any_folder(root: Path, hints: Hints) -> Dataset:
    """Open a folder: of files of data where it holds such, else of pictures."""
    if hints.label_from is None:
        # Archives often hold one folder that holds everything.
        folder = root
        for _ in range(MOST_WRAPPERS + 1):
            folders, files = _entries(folder)
            if dataset := _open_data_files(folder, folders, files, hints):
                return dataset
            if len(folders) != 1 or files:
                break
            folder = folder / folders[0]
    return open_folder(root, hints)


def _open_data_files(
    folder: Path, folders: list[str], files: list[str], hints: Hints
) -> Dataset | None:
    """The dataset of the idx files, the metadata or the tables in a folder; None without any."""
    if any(is_idx_name(name) for name in files):
        return open_idx([folder / name for name in files if is_idx_name(name)], hints)
    if described := metadata_files(folder, folders, files):
        return open_metadata(folder, described, hints)
    tables = [folder / name for name in files if Path(name).suffix.lower() in _TABLE_ENDINGS]
    data = [table for table in tables if table.suffix.lower() != ".txt"]
    if folders or not data or len(tables) < len(files):
        return None
    if len(data) == 1:
        return open_path(data[0], hints)
    return open_split_csvs(folder, data, hints)


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """The names of the folders and of the files in a folder, without hidden ones."""
    try:
        with os.scandir(folder) as found:
            entries = [entry for entry in found if not is_system_name(entry.name)]
            folders = sorted(entry.name for entry in entries if entry.is_dir())
            return folders, sorted(entry.name for entry in entries if entry.is_file())
    except OSError as error:
        raise DataError(f"Cannot list {folder}: {error.strerror}.") from error


def _opener(path: Path) -> Callable[[Path, Hints], Dataset] | None:
    start = _start(path)
    name = path.name.lower().removesuffix(".gz")
    if is_idx_name(path.name) or start[:3] == b"\0\0\x08":
        return open_idx
    if start[:4] == b"PAR1":
        return open_table_file
    if is_zip(path) and _holds_only_arrays(path):
        return open_npz
    if Path(name).suffix in TEXT_ENDINGS:
        return _open_text
    return None


def _open_text(path: Path, hints: Hints) -> Dataset:
    return (open_pixel_csv if sniff(path).is_pixels else open_table_file)(path, hints)


def _holds_only_arrays(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, *DAMAGED_ZIP):
        return False
    return bool(names) and all(name.endswith(".npy") for name in names)


def _is_archive(path: Path) -> bool:
    return is_zip(path) or is_tar(path)


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}.") from error


def _in_words(path: Path) -> str:
    if path.stat().st_size == 0:
        return "a file with no bytes"
    try:
        format = format_of(_start(path))
    except RejectedPicture:
        return "a file of another kind"
    return f"a file: one {format.upper()} picture"
