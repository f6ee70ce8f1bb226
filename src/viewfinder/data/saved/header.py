"""The table and header of a saved dataset: `table.parquet`, `dataset.json`, written once."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from viewfinder.core.errors import DataError
from viewfinder.core.files import content_hash, write_json, written_whole
from viewfinder.core.records import read_bounded
from viewfinder.data.dataset import SPLITS, UNSPLIT, Dataset
from viewfinder.data.layout import Layout
from viewfinder.data.saved.journal import checked_table, unusable
from viewfinder.data.source import Source, paths_in, with_paths
from viewfinder.data.sources.listing import leads_out
from viewfinder.data.sources.records import from_record
from viewfinder.data.sources.saved import HEADER, TABLE

_LARGEST_HEADER = 256 << 20
_NEEDED = ("locator", "label", "split", "bytes")
# Results of reading the pictures are not saved, because the pictures may change.
_READ = ("status", "detail", "width", "height", "content")


class Header(BaseModel):
    """The content of `dataset.json`.

    Attributes:
        format: Identifies the file; the first key.
        created: The time in UTC, ISO 8601.
        settings: The settings that the dataset was made with.
        source: The record of the original pictures' source, with absolute paths.
        beside: The same record with paths relative to the dataset's folder; tried first, so that a
            folder that holds both may be moved.
        pictures: The number of rows of the table.
        checksum: The hash of the table's file.
        classes: The classes' names, in the order of the model's outputs.
        notes: What the user should know.
        passed_over: Path and reason of each file or folder that was skipped.
        layout: Which folders are splits and classes, to list the original in the same way.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["viewfinder dataset"] = "viewfinder dataset"
    schema_: Literal[1] = Field(default=1, alias="schema")
    created: str
    settings: dict[str, Any]
    source: dict[str, Any]
    beside: dict[str, Any]
    pictures: int = Field(ge=0)
    checksum: str
    classes: tuple[str, ...] = Field(min_length=1)
    notes: tuple[str, ...]
    passed_over: tuple[tuple[str, str], ...]
    layout: Layout | None = None

    def located(self, folder: Path) -> Source:
        """Return the source of the original pictures, at their present paths.

        Raises:
            DataError: The pictures have been moved, or the record is damaged.
        """
        absolute, relative = paths_in(self.source), paths_in(self.beside)
        if len(absolute) != len(relative) or self.source.get("kind") == "saved":
            raise damaged(folder, "the two records of the source differ")
        present = {}
        for path, beside in zip(absolute, relative, strict=True):
            near = Path(os.path.normpath(folder.resolve() / beside))
            present[path] = str(near) if _exists(near) else path
            if not _exists(Path(present[path])):
                raise DataError(
                    f"The pictures of {folder} have been moved.",
                    expected=f"{path}, or {near}",
                    remedy="move them back, or move the dataset's folder together with them",
                )
        return from_record(with_paths(self.source, present.__getitem__))


def write_header(folder: Path, final: Path, dataset: Dataset, settings: Mapping[str, Any]) -> None:
    """Write a dataset's table and header into a new folder.

    Args:
        folder: The folder to write.
        final: The path that the folder will have; relative paths start there.
        dataset: The dataset.
        settings: The settings that it was made with, serializable as JSON.

    Raises:
        OutputError: The folder cannot be written.
    """
    source = dataset.source.origin.record()
    with written_whole(folder / TABLE) as temporary:
        table_of(dataset).to_parquet(temporary, index=False)
    header = Header(
        created=now(),
        settings=dict(settings),
        source=source,
        beside=with_paths(source, lambda path: _relative(path, final)),
        pictures=len(dataset),
        checksum=content_hash(folder / TABLE),
        classes=dataset.classes,
        notes=dataset.notes,
        layout=dataset.layout,
        passed_over=tuple((skipped.path, skipped.why) for skipped in dataset.passed_over),
        **{"schema": 1},
    )
    write_json(folder / HEADER, header.model_dump(by_alias=True))


def read_header(folder: Path) -> Header:
    """Read the header of a saved dataset.

    Raises:
        DataError: The header is missing or damaged.
    """
    file = folder / HEADER
    try:
        return Header.model_validate(json.loads(read_bounded(file, _LARGEST_HEADER)))
    except FileNotFoundError as error:
        raise DataError(
            f"{folder} is not a saved dataset.",
            expected="a folder written by `viewfinder clean` or `viewfinder split`",
            received="no such folder" if not folder.exists() else f"no {HEADER} in it",
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(folder, error) from error


def read_table(folder: Path, header: Header) -> pd.DataFrame:
    """Read the table.

    Raises:
        DataError: It is missing or damaged, or names files outside the pictures' folder.
    """
    table = checked_table(folder / TABLE, header.checksum)
    if missing := [name for name in _NEEDED if name not in table]:
        raise damaged(folder, f"the table has no column {missing[0]}")
    if len(table) != header.pictures or not table["locator"].is_unique:
        raise damaged(folder, "the table's rows differ from those written")
    check_state(folder, header, table)
    return table


def check_state(folder: Path, header: Header, table: pd.DataFrame) -> None:
    """Check that a table's rows are valid in a dataset of this source.

    Raises:
        DataError: A picture is outside the source or in an unknown split.
    """
    # A table may name any file; the pictures of folders and archives are inside.
    if header.source.get("kind") != "table":
        suspects = table["locator"][table["locator"].str.contains(r"\.\.|^/|:|\\", regex=True)]
        if strays := [locator for locator in suspects if leads_out(locator)]:
            raise DataError(
                f"{folder} is refused: it names files outside its pictures' folder.",
                expected="paths below the folder that it was made from",
                received=strays[0],
            )
    if unknown := set(table["split"].unique()) - {*SPLITS, UNSPLIT}:
        raise damaged(folder, f"a picture is in the split {unknown.pop()!r}")


def table_of(dataset: Dataset) -> pd.DataFrame:
    """The dataset's table as it is saved: text, and `bytes` as int64."""
    table = dataset.table.drop(columns=[name for name in _READ if name in dataset.table])
    kinds = {str(name): "int64" if name == "bytes" else "str" for name in table.columns}
    return table.astype(kinds).sort_values("locator", ignore_index=True)


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def damaged(folder: Path, why: object) -> DataError:
    """The error about a damaged saved dataset."""
    return unusable(f"The saved dataset {folder} is damaged.", why)


def _relative(path: str, folder: Path) -> str:
    try:
        return os.path.relpath(path, folder.resolve())
    except ValueError:  # on another drive
        return path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
