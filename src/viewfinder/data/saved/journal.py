"""The journal of a saved dataset: one decision after the other, each a file, none ever rewritten.

An entry is `000001.json`; what it changes is in `000001.parquet` beside it, so that an entry over a
million pictures stays small and quick. The table of changes is written first: an entry that is not
there has never been made, however far its writing came.
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

# A few bytes can claim any number of rows; beyond this nothing is read.
_MOST_ROWS = 50_000_000


def checked_table(file: Path, expected: str) -> pd.DataFrame:
    """A table of text (and of whole numbers in `bytes`), if it is what was written.

    Raises:
        DataError: It is missing, is not what was written, or holds anything else.
    """
    try:
        if content_hash(file) != expected:
            raise ValueError("it is not what was written: its checksum differs")
        opened = pq.ParquetFile(file)
        if opened.metadata.num_rows > _MOST_ROWS:
            raise ValueError(f"it claims {opened.metadata.num_rows:,} rows")
        for column in opened.schema_arrow:
            if column.type != (pa.int64() if column.name == "bytes" else column.type):
                raise ValueError(f"the column {column.name} is {column.type}")
            if column.name != "bytes" and column.type not in (pa.string(), pa.large_string()):
                raise ValueError(f"the column {column.name} is {column.type}, no text")
        table = opened.read()
        table.validate(full=True)  # Parquet's text is not checked to be text
        if any(column.null_count for column in table.columns):
            raise ValueError("it has empty cells")
        # Without what pandas has noted in it, which may be anything.
        frame: pd.DataFrame = table.replace_schema_metadata(None).to_pandas()
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise DataError(
            f"{file} is missing or damaged.",
            received=str(error).split("\n")[0],
            remedy="take the folder from a backup, or make the dataset again",
        ) from error
    return frame


COLUMNS = ("locator", "column", "before", "after")
# May come after them: something on each change, for people.
NOTE = "note"
_LARGEST_ENTRY = 16 << 20


@dataclass(frozen=True, eq=False)
class Decision:
    """What an entry will say, before it is written.

    Attributes:
        verb: What is done: `quarantine`, `relabel`, `keep-one`, `split` …
        why: The reason, in words.
        changes: The columns `locator`, `column`, `before` and `after`, and perhaps `note`.
        options: What it was done with, for JSON.
    """

    verb: str
    why: str
    changes: pd.DataFrame = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pictures(self) -> int:
        """How many pictures it changes."""
        return int(self.changes["locator"].nunique())


class Entry(BaseModel):
    """One decision.

    Attributes:
        number: From 1, without gaps.
        time: When, in UTC, ISO 8601.
        verb: What was done: `quarantine`, `relabel`, `keep-one`, `split`, `undo` …
        why: The reason, in words.
        options: What it was done with.
        undoes: The number of the entry that this one undoes, if any.
        pictures: How many pictures it changes.
        checksum: Of its table of changes; None where it has none.
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
        """The time, in this machine's zone."""
        return datetime.fromisoformat(self.time).astimezone()


def read_entries(folder: Path) -> tuple[Entry, ...]:
    """The entries of a journal, in order.

    Raises:
        DataError: One is missing or damaged.
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
    """What an entry changes: `locator`, `column`, `before`, `after` and perhaps `note`, all text.

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
    """Write an entry and what it changes; whoever calls this holds the dataset's lock.

    Returns:
        The entry with its count of pictures and its checksum.

    Raises:
        OutputError: The folder cannot be written. Then the entry was not made.
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


def undoable(entries: Sequence[Entry], stands: frozenset[int]) -> list[int]:
    """The numbers of the decisions that stand and are not undoings themselves."""
    return [one.number for one in entries if one.number in stands and one.undoes is None]


def _read_entry(file: Path, number: int) -> Entry:
    try:
        if file.stat().st_size > _LARGEST_ENTRY:
            raise ValueError("it is too large")
        # A copy of Python's own values first: the strictest reading knows no other numbers.
        entry = Entry.model_validate(json.loads(file.read_text(encoding="utf-8")))
        _ = entry.when
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(file, str(error).split("\n")[0]) from error
    undone = entry.undoes
    if entry.number != number or (undone is not None and not 1 <= undone < number):
        raise _damaged(file, "its number does not fit")
    return entry


def _name(number: int) -> str:
    return f"{number:06}"


def _damaged(file: Path, why: str) -> DataError:
    return DataError(
        f"The journal of a saved dataset is damaged: {file}.",
        received=why,
        remedy="take the folder from a backup, or make the dataset again",
    )
