"""Detect what is at a path by its content, and open it."""

import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from viewfinder.core.class_names import CLASS_NAMES, read_class_names
from viewfinder.core.errors import DataError, RejectedPicture, UsageError, ViewfinderError
from viewfinder.core.files import NotRegularFile, kind_of, regular_status
from viewfinder.core.progress import Progress
from viewfinder.core.words import listed
from viewfinder.data.dataset import Dataset, PassedOver
from viewfinder.data.sources.archive import ArchiveSource
from viewfinder.data.sources.assemble import with_class_names
from viewfinder.data.sources.delimited import TEXT_ENDINGS, sniff
from viewfinder.data.sources.folder import OF_FOLDERS, dataset_of_files, open_folder
from viewfinder.data.sources.folder_names import split_in_name
from viewfinder.data.sources.hints import Hints
from viewfinder.data.sources.idx import is_idx_name, open_idx
from viewfinder.data.sources.labelling import NoClassFolders
from viewfinder.data.sources.listing import ABOUT, WORDS, Listing, is_system_name
from viewfinder.data.sources.metadata import (
    is_metadata_name,
    metadata_in,
    open_metadata,
    without_labels,
)
from viewfinder.data.sources.npz import open_npz
from viewfinder.data.sources.parquet import open_parquet, parquet_files_in, picture_column
from viewfinder.data.sources.pixel_csv import open_pixel_csv, open_split_csvs
from viewfinder.data.sources.saved import is_saved
from viewfinder.data.sources.table import open_table_file
from viewfinder.data.sources.tarred import TarSource, is_tar
from viewfinder.data.sources.unpacked import UnpackedSource, unpacked_folder
from viewfinder.data.sources.zipped import ZipSource
from viewfinder.fetch.archives.errors import DAMAGED
from viewfinder.fetch.archives.zips import is_zip
from viewfinder.pictures.codecs.magic import format_of

_TABLES = (".csv", ".tsv", ".parquet", ".pq", ".npz")
# The most nested folders with nothing but one folder in them, as unpacked archives have.
_MOST_WRAPPERS = 3
_OTHER_TABLES = (".json", ".jsonl", ".ndjson", ".xlsx", ".xls", ".ods", ".arrow", ".feather")


def open_archive(path: Path, hints: Hints, progress: Progress | None = None) -> Dataset:
    """Open an archive, which may hold whatever a folder may hold.

    Args:
        path: A zip or tar archive; a tar may be compressed by gzip, bzip2 or xz.
        hints: What the user states about the data.
        progress: Announces that an archive is unpacked.

    Raises:
        DataError: It is damaged, has a member that is not admitted, or holds no pictures.
        UsageError: A hint does not apply.
    """
    if hints.root is not None:
        raise UsageError("`root` cannot be used with an archive.", received=hints.root)
    source = _direct(path)
    if source is not None and not _holds_data_files(source.index().listing):
        return _open_in_place(source, hints)
    folder = unpacked_folder(path, progress)
    dataset = open_any_folder(folder, replace(hints, is_foreign=True), progress)
    return replace(dataset, source=UnpackedSource(path, folder, dataset.source))


def _direct(path: Path) -> ArchiveSource | None:
    """The source that reads the archive in place; None for compressed tars."""
    if is_zip(path):
        return ZipSource(path)
    with path.open("rb") as file:
        file.seek(257)
        # The magic of a tar, absent if the archive as a whole is compressed (or very old).
        return TarSource(path) if file.read(5) == b"ustar" else None


def _open_in_place(source: ArchiveSource, hints: Hints) -> Dataset:
    hints.only(*OF_FOLDERS, kind="an archive of pictures")
    index = source.index()
    # A copy, because labelling adds to `passed_over` and the index keeps its listing.
    listing = Listing(list(index.listing.files), dict(index.listing.passed_over))
    return dataset_of_files(source, listing, hints, holder="archive").noting(*index.notes)


def _holds_data_files(listing: Listing) -> bool:
    """Whether the archive holds tables or arrays instead of class folders."""
    names = [file.parts[-1] for file in listing.files]
    if any(is_idx_name(name) or is_metadata_name(name) for name in names):
        return True
    tables = [name for name in names if name.lower().endswith(_TABLES)]
    others = [file for file in listing.files if not _is_of_tables(file.parts[-1])]
    # Drawings beside tables, as in Kaggle's Sign-Language MNIST.
    are_beside = all(len(file.parts) == 1 for file in others) and any(
        split_in_name(Path(name).stem) for name in tables
    )
    return bool(tables) and (not others or are_beside)


KINDS = (
    "a folder of pictures; a saved dataset; a CSV or Parquet table of paths and labels; "
    "a CSV of pixels; idx, .npz or Parquet files of pictures; or a zip or tar archive of these"
)
# Tables, and what may stand beside them.
_OF_TABLES = frozenset({*TEXT_ENDINGS, ".parquet", ".pq", ".npz", *WORDS})
_LABEL_TABLES = frozenset({".csv", ".tsv", ".parquet", ".pq"})
# A run's folder holds plots and checkpoints, which would read as two classes.
_OF_A_RUN = ("recipe.yaml", "labels.json")


def open_path(path: Path, hints: Hints, progress: Progress | None = None) -> Dataset:
    """Open the data at a path, of any kind.

    Raises:
        DataError: There is no data, or none of a known kind.
    """
    if os.path.isdir(path):  # noqa: PTH112 (Path's own raises where a name is too long)
        if all((path / name).is_file() for name in _OF_A_RUN):
            raise DataError(
                f"{path} is a run, not a dataset.",
                expected=KINDS,
                remedy=f"give the folder of the pictures; `viewfinder evaluate {path}` evaluates "
                "the run on its own",
            )
        return (
            _open_saved(path, hints) if is_saved(path) else open_any_folder(path, hints, progress)
        )
    if not os.path.exists(path):  # noqa: PTH110
        raise DataError(
            f"There is nothing at {path}.",
            expected=KINDS,
            remedy=_remedy_of_nothing(path),
        )
    _require_regular(path)
    opener = _opener(path, progress)
    if opener is not None:
        return opener(path, hints)
    if is_zip(path) or is_tar(path):
        return open_archive(path, hints, progress)
    is_table = path.suffix.lower() in _OTHER_TABLES
    raise DataError(
        f"{path} is not a folder.",
        expected=KINDS,
        received=_describe(path),
        remedy="save the table as CSV, and open that" if is_table else None,
    )


def _remedy_of_nothing(path: Path) -> str:
    """Return what to do where nothing is at a path, which may be the name of a known dataset."""
    from viewfinder.fetch.catalogue import CATALOGUE

    if str(path) in CATALOGUE:
        return f"`viewfinder fetch {path}` downloads the dataset {path}, and prints its folder"
    return "check the spelling; relative paths start at the current folder"


def _require_regular(path: Path) -> None:
    try:
        regular_status(path)
    except NotRegularFile as error:
        raise DataError(
            f"{path} cannot be opened: {error.why}.",
            expected=KINDS,
            remedy="write what comes out of a pipe into a file, and open that file",
        ) from error
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}.") from error


def _open_saved(folder: Path, hints: Hints) -> Dataset:
    # Imported here, because that package imports this one when it is loaded first.
    from viewfinder.data.saved import SavedDataset

    hints.only(kind="a saved dataset")
    return SavedDataset.open(folder).dataset()


def open_any_folder(root: Path, hints: Hints, progress: Progress | None = None) -> Dataset:
    """Open a folder of data files, or else of pictures."""
    if hints.label_from is not None:
        return open_folder(root, hints)
    if shards := parquet_files_in(root):
        return open_parquet(root, shards, hints, progress)
    # Archives often have a single folder at the top.
    folder = root
    for _ in range(_MOST_WRAPPERS + 1):
        folders, files = _entries(folder)
        metadata = metadata_in(folder, folders, files, hints.columns.label)
        if metadata.labelled and not any(map(is_idx_name, files)):
            return open_metadata(metadata, hints)
        if dataset := _open_data_files(folder, folders, files, hints):
            return dataset
        if len(folders) != 1 or files:
            break
        folder = folder / folders[0]
    try:
        return _noting_tables(open_folder(root, hints), files)
    except NoClassFolders as error:
        if metadata.unlabelled:
            raise without_labels(metadata) from error
        raise


def _noting_tables(dataset: Dataset, files: list[str]) -> Dataset:
    """Note tables beside the folders, which may be meant to give the labels."""
    tables = [name for name in files if Path(name).suffix.lower() in _LABEL_TABLES]
    if not tables:
        return dataset
    return dataset.noting(
        f"Tables beside the folders are not read: {listed(tables, 1)}. If one of them has the "
        "labels, open it by its own path."
    )


def _open_data_files(
    folder: Path, folders: list[str], files: list[str], hints: Hints
) -> Dataset | None:
    """The dataset of the idx files or tables in a folder; None without any."""
    if CLASS_NAMES in files:
        others = [name for name in files if name != CLASS_NAMES]
        found = _open_data_files(folder, folders, others, hints)
        return found if found is None or hints.classes else _named_by_file(found, folder)
    if any(is_idx_name(name) for name in files):
        return open_idx([folder / name for name in files if is_idx_name(name)], hints)
    known = [name for name in files if _is_of_tables(name)]
    data = [folder / name for name in known if Path(name).suffix.lower() not in ("", *WORDS)]
    others = [*(f"{name}/" for name in folders), *(name for name in files if name not in known)]
    if others:
        data = [table for table in data if _is_pixels_of_a_split(table)]
        if any(map(_holds_more_than_tables, (folder / name for name in folders))):
            return None
    if not data:
        return None
    dataset = open_path(data[0], hints) if len(data) == 1 else open_split_csvs(folder, data, hints)
    beside = [PassedOver(name, "it stands beside tables of pixels") for name in others]
    return replace(dataset, passed_over=(*dataset.passed_over, *beside))


def _is_pixels_of_a_split(table: Path) -> bool:
    try:
        is_text = table.suffix.lower() in TEXT_ENDINGS
        return is_text and split_in_name(table.stem) is not None and sniff(table).is_pixels
    except DataError:
        return False


def _holds_more_than_tables(folder: Path) -> bool:
    """False for the copies of tables in Kaggle's Sign-Language MNIST."""
    folders, files = _entries(folder)
    return bool(folders) or not all(map(_is_of_tables, files))


def _is_of_tables(name: str) -> bool:
    return Path(name).suffix.lower() in _OF_TABLES or name.lower() in ABOUT


def _named_by_file(dataset: Dataset, folder: Path) -> Dataset:
    """Name the classes that are numbers by the file in the folder, if it fits."""
    path = folder / CLASS_NAMES
    if not all(name.isdecimal() for name in dataset.classes):
        return dataset
    try:
        return with_class_names(dataset, read_class_names(path)).noting(
            f"The class names are those in {path}."
        )
    except ViewfinderError as error:
        return dataset.noting(f"{path} is not used: {error.fact}")


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """The names of the folders and of the files in a folder, except hidden ones."""
    try:
        with os.scandir(folder) as found:
            kinds = {
                entry.name: kind_of(entry) for entry in found if not is_system_name(entry.name)
            }
    except OSError as error:
        raise DataError(f"Cannot list {folder}: {error.strerror}.") from error
    folders = sorted(name for name, kind in kinds.items() if kind == "folder")
    return folders, sorted(name for name, kind in kinds.items() if kind == "file")


def _opener(path: Path, progress: Progress | None) -> Callable[[Path, Hints], Dataset] | None:
    start = _start(path)
    name = path.name.lower().removesuffix(".gz")
    if is_idx_name(path.name) or start[:3] == b"\0\0\x08":
        return open_idx
    if start[:4] == b"PAR1":
        return partial(_open_parquet, progress=progress)
    if is_zip(path) and _holds_only_arrays(path):
        return open_npz
    if Path(name).suffix in TEXT_ENDINGS:
        return _open_text
    return None


def _open_text(path: Path, hints: Hints) -> Dataset:
    sniffed = sniff(path)
    if not sniffed.first:
        raise DataError(f"{path} has no rows.", expected="a row for each picture")
    return (open_pixel_csv if sniffed.is_pixels else open_table_file)(path, hints)


def _open_parquet(path: Path, hints: Hints, progress: Progress | None) -> Dataset:
    if picture_column(path) is None:
        return open_table_file(path, hints)
    return open_parquet(path, {path.stem: path}, hints, progress)


def _holds_only_arrays(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, *DAMAGED):
        return False
    return bool(names) and all(name.endswith(".npy") for name in names)


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}.") from error


def _describe(path: Path) -> str:
    if path.stat().st_size == 0:
        return "an empty file"
    try:
        format = format_of(_start(path))
    except RejectedPicture:
        return "a file of an unknown kind"
    return f"a file: one {format.upper()} picture"
