"""The journal of a saved dataset: an entry for each decision, never rewritten.

An entry is `000001.json`, its changes are in `000001.parquet`. The changes are written first, so
that an entry whose writing was interrupted does not exist.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from viewfinder.core.errors import DataError
from viewfinder.core.files import content_hash, write_json, written_whole
from viewfinder.core.records import read_bounded

# A small file can claim any number of rows; tables that claim more are refused.
_MOST_ROWS = 50_000_000


def checked_table(file: Path, expected: str) -> pd.DataFrame:
    """Read a table of text (and of integers in `bytes`), and check that it is unchanged.

    Raises:
        DataError: It is missing, has changed, or holds other types.
    """
    try:
        if content_hash(file) != expected:
            raise ValueError("its checksum differs: the file has changed")
        opened = pq.ParquetFile(file)
        if opened.metadata.num_rows > _MOST_ROWS:
            raise ValueError(f"it claims {opened.metadata.num_rows:,} rows")
        for column in opened.schema_arrow:
            is_size = column.name == "bytes"
            if column.type not in ((pa.int64(),) if is_size else (pa.string(), pa.large_string())):
                raise ValueError(f"the column {column.name} is {column.type}")
        table = opened.read()
        table.validate(full=True)  # Parquet does not check that text is UTF-8
        if any(column.null_count for column in table.columns):
            raise ValueError("it has empty cells")
        # Without the metadata of pandas, which are untrusted.
        frame: pd.DataFrame = table.replace_schema_metadata(None).to_pandas()
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise unusable(f"{file} is missing or damaged.", error) from error
    return frame


def unusable(fact: str, why: object) -> DataError:
    """Return the error about a file of a saved dataset that is missing or damaged."""
    return DataError(
        fact,
        received=str(why).split("\n")[0],
        remedy="restore the folder from a backup, or make the dataset again",
    )


COLUMNS = ("locator", "column", "before", "after")
# An optional column: a comment on each change, for people.
NOTE = "note"
_LARGEST_ENTRY = 16 << 20


@dataclass(frozen=True, eq=False)
class Decision:
    """A decision that has not been written as an entry yet.

    Attributes:
        verb: What is done: `quarantine`, `relabel`, `keep-one`, `split` …
        why: The reason, in words.
        changes: The columns `locator`, `column`, `before` and `after`, and optionally `note`.
        options: The settings of the decision, serializable as JSON.
    """

    verb: str
    why: str
    changes: pd.DataFrame = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pictures(self) -> int:
        """The number of pictures changed."""
        return int(self.changes["locator"].nunique())


class Entry(BaseModel):
    """One entry of the journal.

    Attributes:
        number: From 1, without gaps.
        time: The time in UTC, ISO 8601.
        verb: What was done: `quarantine`, `relabel`, `keep-one`, `split`, `undo` …
        why: The reason, in words.
        options: The settings of the decision.
        undoes: The number of the entry that this one undoes, if any.
        pictures: The number of pictures changed.
        checksum: The hash of the file of changes; None without changes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    schema_: Literal[1] = Field(default=1, alias="schema")
    number: int = Field(ge=1)
    time: str = Field(max_length=100)
    verb: str = Field(pattern=r"^[a-z][a-z-]{0,39}$")
    why: str
    options: Mapping[str, Any] = Field(default_factory=dict)
    undoes: int | None = None
    pictures: int = Field(default=0, ge=0)
    checksum: str | None = None

    @property
    def when(self) -> datetime:
        """The time, in the local time zone."""
        return datetime.fromisoformat(self.time).astimezone()


def read_entries(folder: Path) -> tuple[Entry, ...]:
    """Read the entries of a journal, in order.

    Raises:
        DataError: An entry is missing or damaged.
    """
    try:
        files = sorted(folder.glob("[0-9]*.json"))
    except OSError as error:
        raise DataError(f"Cannot list {folder}: {error.strerror}.") from error
    entries: list[Entry] = []
    for number, file in enumerate(files, 1):
        if file.name != f"{_name(number)}.json":
            raise _damaged(folder / f"{_name(number)}.json", "it is missing")
        entries.append(_read_entry(file, number))
    return tuple(entries)


def read_changes(folder: Path, entry: Entry) -> pd.DataFrame:
    """Read the changes of an entry: `locator`, `column`, `before`, `after`, optionally `note`.

    Raises:
        DataError: The table is missing or damaged.
    """
    if entry.checksum is None:
        return pd.DataFrame({name: pd.Series(dtype="str") for name in COLUMNS})
    table = checked_table(folder / f"{_name(entry.number)}.parquet", entry.checksum)
    if list(table.columns) not in (list(COLUMNS), [*COLUMNS, NOTE]):
        raise _damaged(folder / f"{_name(entry.number)}.parquet", "it has other columns")
    return table


def write_entry(folder: Path, entry: Entry, changed: pd.DataFrame | None = None) -> Entry:
    """Write an entry and its changes; the caller must hold the dataset's lock.

    Returns:
        The entry with its number of pictures and its checksum.

    Raises:
        OutputError: The folder cannot be written. The entry then does not exist.
    """
    if changed is not None:
        file = folder / f"{_name(entry.number)}.parquet"
        with written_whole(file) as temporary:
            changed[[*COLUMNS, *([NOTE] if NOTE in changed else [])]].to_parquet(
                temporary, index=False
            )
        counted = {"pictures": changed["locator"].nunique(), "checksum": content_hash(file)}
        entry = entry.model_copy(update=counted)
    write_json(folder / f"{_name(entry.number)}.json", entry.model_dump(by_alias=True))
    return entry


def undoable(entries: Sequence[Entry], standing: frozenset[int]) -> list[int]:
    """The numbers of the entries in effect that are not undos themselves."""
    return [e.number for e in entries if e.number in standing and e.undoes is None]


def _read_entry(file: Path, number: int) -> Entry:
    try:
        # Parsed by `json` first: strict validation of JSON text would accept other types.
        entry = Entry.model_validate(json.loads(read_bounded(file, _LARGEST_ENTRY)))
        _ = entry.when
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(file, error) from error
    undone = entry.undoes
    if entry.number != number or (undone is not None and not 1 <= undone < number):
        raise _damaged(file, "its number differs from its file's name")
    return entry


def _name(number: int) -> str:
    return f"{number:06}"


def _damaged(file: Path, why: object) -> DataError:
    return unusable(f"The journal of a saved dataset is damaged: {file}.", why)
