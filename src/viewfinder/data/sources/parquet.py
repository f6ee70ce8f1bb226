"""Pictures inside of Parquet files, as Hugging Face shares them: columns of bytes and of labels.

Parquet is read by groups of hundreds of rows, so that pictures are unpacked once into the cache, as
one zip for each file: https://huggingface.co/docs/hub/datasets-image.
"""

import json
import os
import re
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
from typing_extensions import override

from viewfinder.core.errors import DataError, OutputError, Reason, RejectedPicture
from viewfinder.core.files import folder_written_whole, regular_status
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import UNSPLIT, Dataset
from viewfinder.data.source import Source, Stamp
from viewfinder.data.sources.assemble import assemble
from viewfinder.data.sources.cells import PARQUET, chosen_cells, parquet_table
from viewfinder.data.sources.columns import LABELS, PATHS, as_splits, column_named
from viewfinder.data.sources.folder_names import split_in_name, split_named
from viewfinder.data.sources.hints import Columns, Hints
from viewfinder.data.sources.listing import ABOUT, WORDS, is_system_name
from viewfinder.data.sources.roles import Table
from viewfinder.data.sources.table import labelled_rows
from viewfinder.data.sources.unpacked import unpacked_folder
from viewfinder.data.sources.zipped import ZipSource
from viewfinder.fetch.archives.errors import archive_errors
from viewfinder.fetch.archives.members import Limits, most_unpacked, require_size
from viewfinder.pictures.codecs.magic import format_of

# Files that may stand beside Parquet files in a repository.
_BESIDE = frozenset({*WORDS, ".json", ".yaml", ".yml"})
_COPY = "pictures.zip"
_DIGITS = 8
_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True)
class ParquetSource(Source):
    """Pictures in Parquet files; a locator is a file's name and a name that begins with the row.

    Attributes:
        path: The file, or the folder of the files.
        files: The files by name.
    """

    path: Path
    files: dict[str, Path]
    opened: dict[Path, ZipSource] = field(default_factory=dict, repr=False, compare=False)

    @override
    def read(self, locator: str) -> bytes:
        copy, member = self._found(locator)
        return copy.read(member)

    @override
    def stamp(self, locator: str) -> Stamp:
        copy, member = self._found(locator)
        return copy.stamp(member)

    @override
    def record(self) -> dict[str, Any]:
        files = {name: str(file.resolve()) for name, file in self.files.items()}
        return {"kind": "parquet", "path": str(self.path.resolve()), "files": files}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "ParquetSource":
        """Return the source that `record` describes."""
        files = {name: Path(file) for name, file in record["files"].items()}
        return cls(Path(record["path"]), files)

    def __str__(self) -> str:
        return str(self.path)

    def copy_of(self, file: Path, progress: Progress | None = None) -> ZipSource:
        """The file's pictures in the cache, unpacked if needed.

        Raises:
            RejectedPicture: The file is missing.
            DataError: It is damaged, or too large.
            OutputError: The cache cannot be written.
        """
        folder = unpacked_folder(file, progress, write=write_pictures)
        return self.opened.setdefault(folder, ZipSource(folder / _COPY))

    def _found(self, locator: str) -> tuple[ZipSource, str]:
        name, _, member = locator.rpartition("/")
        if name not in self.files:
            raise RejectedPicture(Reason.MISSING, "there is no file for this picture")
        try:
            return self.copy_of(self.files[name]), member
        except (DataError, OutputError) as error:
            if isinstance(error, RejectedPicture):
                raise
            raise RejectedPicture(Reason.CORRUPT, error.fact) from error


class _Schema(NamedTuple):
    """The columns of pictures; and by column, the names of the classes that `datasets` notes."""

    pictures: list[str]
    classes: dict[str, list[str]]


def picture_column(file: Path) -> str | None:
    """The column of pictures in a Parquet file; None if it has none, or cannot be read.

    Raises:
        DataError: Several columns hold pictures, and none is named like one.
    """
    try:
        regular_status(file)
        schema = _schema(pyarrow.parquet.read_schema(file))
    except (pa.ArrowException, OSError, ValueError):
        return None
    if len(schema.pictures) < 2:
        return next(iter(schema.pictures), None)
    if named := column_named(schema.pictures, PATHS):
        return named
    raise DataError(
        f"Several columns of {file} hold pictures.",
        expected="one, or one that is named image",
        received=", ".join(schema.pictures),
        remedy="rename the column of the pictures to image",
    )


def _schema(schema: Any) -> _Schema:
    nested = [name for name in schema.names if _has_bytes(schema.field(name).type)]
    plain = [name for name in schema.names if _is_text(schema.field(name).type)]
    binary = [name for name in schema.names if _is_bytes(schema.field(name).type)]
    if column_named(plain, PATHS):  # then they are something else
        binary = []
    try:
        noted = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = {name: dict(kind) for name, kind in noted["info"]["features"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        features = {}
    images = [name for name, kind in features.items() if kind.get("_type") == "Image"]
    names = {name: kind.get("names") for name, kind in features.items()}
    classes = {
        name: list(map(str, of)) for name, of in names.items() if isinstance(of, list) and of
    }
    found = nested or binary
    return _Schema([name for name in found if name in images] or found, classes)


def _is_bytes(kind: Any) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))  # pandas 3: large


def _has_bytes(kind: Any) -> bool:
    return pa.types.is_struct(kind) and any(
        kind.field(at).name == "bytes" and _is_bytes(kind.field(at).type)
        for at in range(kind.num_fields)
    )


def parquet_files_in(folder: Path) -> dict[str, Path]:
    """The Parquet files of pictures in a folder that holds nothing else, by path without ending.

    Where two would have one name, the second keeps its ending.

    Raises:
        DataError: As :func:`picture_column`.
    """
    found: dict[str, Path] = {}
    for around, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_system_name(name))
        for name in sorted(names):
            file = Path(around, name)
            is_about = file.suffix.lower() in _BESIDE or name.lower() in ABOUT
            if is_about or is_system_name(name):
                continue
            if file.suffix.lower() not in PARQUET:
                return {}
            inner = file.relative_to(folder)
            plain = inner.with_suffix("").as_posix()
            found[inner.as_posix() if plain in found else plain] = file
    return found if all(map(picture_column, found.values())) else {}


def open_parquet(
    path: Path, files: dict[str, Path], hints: Hints, progress: Progress | None = None
) -> Dataset:
    """Open the pictures in Parquet files.

    Args:
        path: The file, or the folder of the files.
        files: The files by name. Where there is no column of splits, those in a folder are in the
            split of their name or of their folder.
        hints: Which columns are meant, and the classes.
        progress: Announces that pictures are unpacked.

    Raises:
        DataError: A file is damaged, too large, or has no pictures or labels.
        OutputError: The cache cannot be written.
    """
    hints.only("columns", "classes", kind="a Parquet file of pictures")
    source = ParquetSource(path, files)
    parts: list[pd.DataFrame] = []
    notes: dict[str, None] = {}
    sizes: dict[str, int] = {}
    for name, file in files.items():
        listing = source.copy_of(file, progress).index().listing
        members = {f"{name}/{member.parts[0]}": member.bytes for member in listing.files}
        cells, note = chosen_cells(*_table(file, list(members), hints))
        if "split" in cells:
            cells["split"] = as_splits(cells["split"], str(file))
        elif path != file:
            cells["split"] = split_in_name(file.stem) or split_named(file.parent.name) or UNSPLIT
        parts.append(cells)
        notes[note.replace("paths from", "pictures from", 1)] = None
        sizes |= members
    cells = pd.concat(parts, ignore_index=True).fillna("")
    if len(cells) and not sizes:
        raise DataError(
            f"{path} holds no pictures, only rows without their bytes.",
            expected="the bytes of a picture in each row",
            remedy="write the bytes of each file into the column: "
            '{"bytes": Path(path).read_bytes(), "path": path}',
        )
    said = list(notes)
    table, passed_over = labelled_rows(source, cells, said)
    table["bytes"] = table["locator"].map(sizes)
    return assemble(source, table, passed_over=passed_over, notes=said, classes=hints.classes)


def _table(file: Path, members: list[str], hints: Hints) -> tuple[Table, Columns]:
    """The file as a table of paths, which are the locators of its pictures; and its columns."""
    column, table = picture_column(file), parquet_table(file)
    schema = pyarrow.parquet.read_schema(file)
    classes = {name: of for name, of in _schema(schema).classes.items() if name in table.names}
    of_row = {int(re.split(r"\D", name.rpartition("/")[2])[0]): name for name in members}
    count = pyarrow.parquet.read_metadata(file).num_rows

    def read(wanted: list[str]) -> pd.DataFrame:
        cells = table.read([name for name in wanted if name != column])
        for name in classes.keys() & set(cells):
            names = {str(number): text for number, text in enumerate(classes[name])}
            cells[name] = cells[name].map({**names, "-1": ""}).fillna(cells[name])
        if column in wanted:
            cells[column] = pd.Series([of_row.get(row, "") for row in range(count)], dtype="str")
        return cells[wanted]

    label = hints.columns.label
    if label is None and len(classes) == 1 and column_named(table.names, LABELS) is None:
        (label,) = classes
    names = [name for name in schema.names if name == column or name in table.names]
    return Table(str(file), names, read), replace(hints.columns, path=column, label=label)


def write_pictures(file: Path, folder: Path) -> None:
    """Write the pictures of a Parquet file into a zip in a new folder, one row after the other.

    A member is named by its row, and by the picture's own name or format.

    Raises:
        DataError: The file is damaged, has no pictures, or would become too large.
        OutputError: The folder cannot be written, or the disk is full.
    """
    with folder_written_whole(folder, what=f"Cannot unpack {file}") as temporary:
        parquet_table(file)  # which refuses files that state more than they can hold
        with archive_errors(file), zipfile.ZipFile(temporary / _COPY, "w") as copy:
            most, written = min(Limits().bytes, most_unpacked(file.stat().st_size)), 0
            # Read page by page, not a group of rows at once.
            opened = pyarrow.parquet.ParquetFile(file, buffer_size=_BUFFER_BYTES, pre_buffer=False)
            # A batch of several rows could hold as many copies of one huge picture.
            batches = opened.iter_batches(1, columns=[picture_column(file)], use_threads=False)
            for row, batch in enumerate(batches):
                cell = batch.column(0)[0].as_py()
                content, path = cell, None
                if isinstance(cell, dict):
                    content, path = cell["bytes"], cell.get("path")
                if content is not None:
                    written += len(content)
                    require_size(written, most)
                    copy.writestr(_member(row, content, path), content)


def _member(row: int, content: bytes, path: object) -> str:
    if isinstance(path, str) and (name := re.sub(r"[^\w.-]", "_", re.split(r"[/\\]", path)[-1])):
        return f"{row:0{_DIGITS}}-{name[-60:]}"
    try:
        return f"{row:0{_DIGITS}}.{format_of(content)}"
    except RejectedPicture:
        return f"{row:0{_DIGITS}}"
