"""Zip and tar archives: pictures are read in place where they can be, else unpacked once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from viewfinder.data.dataset import Dataset
from viewfinder.data.source import Source
from viewfinder.data.sources.assemble import assemble
from viewfinder.data.sources.folder import ONE_CLASS, table_of_files
from viewfinder.data.sources.hints import Hints
from viewfinder.data.sources.idx import is_idx_name
from viewfinder.data.sources.layout import Listing, label_files
from viewfinder.data.sources.metadata import is_metadata_name
from viewfinder.data.sources.tarred import TarSource
from viewfinder.data.sources.unpacked import UnpackedSource, unpacked_folder
from viewfinder.data.sources.zipped import ZipSource, is_zip
from viewfinder.errors import UsageError
from viewfinder.progress import Progress

_TABLES = (".csv", ".tsv", ".parquet", ".pq", ".npz")
_WORDS = (".txt", ".md", ".html", ".pdf", ".lst")

OpenFolder = Callable[[Path, Hints], Dataset]


def open_archive(
    path: Path, hints: Hints, open_any_folder: OpenFolder, progress: Progress | None = None
) -> Dataset:
    """The dataset of an archive, which may hold whatever a folder may hold.

    Args:
        path: A zip or tar archive; a tar may be compressed by gzip, bzip2 or xz.
        hints: What the user says about the data.
        open_any_folder: Opens the folder that an archive was unpacked into.
        progress: Says so while a large archive is unpacked.

    Raises:
        DataError: It is damaged, not safe, or holds no pictures.
    """
    if hints.root is not None:
        raise UsageError("--root cannot be used with an archive.", received=hints.root)
    source = _direct(path)
    if source is not None:
        listing = source.index().listing
        if not _holds_data_files(listing):
            return _open_in_place(source, listing, hints)
    folder = unpacked_folder(path, progress)
    dataset = open_any_folder(folder, replace(hints, is_foreign=True))
    return replace(dataset, source=UnpackedSource(path, folder, dataset.source))


def _direct(path: Path) -> ZipSource | TarSource | None:
    """What reads the archive's members where they are; None for compressed tars."""
    if is_zip(path):
        return ZipSource(path)
    with path.open("rb") as file:
        file.seek(257)
        # The mark of a tar stands there unless the archive as a whole is compressed (or very old).
        return TarSource(path) if file.read(5) == b"ustar" else None


def _open_in_place(source: Source, listing: Listing, hints: Hints) -> Dataset:
    hints.only("label_from", "classes", kind="an archive of pictures")
    # A copy: listing pictures adds to what was passed over, and the index is kept.
    listing = Listing(list(listing.files), list(listing.passed_over))
    rows, notes = label_files(
        listing,
        str(source),
        label_from=hints.label_from,
        holder="archive",
        needs_labels=hints.needs_labels,
    )
    return assemble(
        source,
        table_of_files(rows),
        passed_over=listing.passed_over,
        notes=notes,
        classes=hints.classes,
        remedy=ONE_CLASS,
        needs_labels=hints.needs_labels,
    )


def _holds_data_files(listing: Listing) -> bool:
    """Whether the archive holds tables or arrays, rather than pictures with class folders."""
    names = [file.parts[-1] for file in listing.files]
    if any(is_idx_name(name) or is_metadata_name(name) for name in names):
        return True
    tables = sum(name.lower().endswith(_TABLES) for name in names)
    return tables > 0 and all(name.lower().endswith((*_TABLES, *_WORDS)) for name in names)
