"""The cells of a table of paths, read from CSV, Parquet or JSON Lines as text."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from viewfinder.core.errors import DataError
from viewfinder.data.sources.columns import (
    PATHS,
    as_folds,
    as_labels,
    as_marks,
    as_text,
    column_named,
    split_marked,
)
from viewfinder.data.sources.delimited import (
    LONGEST_LINE,
    Delimited,
    not_utf8,
    read_columns,
    sniff,
)
from viewfinder.data.sources.hints import Columns
from viewfinder.data.sources.roles import Table, find_roles
from viewfinder.fetch.archives.members import most_unpacked

JSON_LINES = ".jsonl"
# The least that a row takes in memory: Parquet stores equal cells once.
_ROW_BYTES = 16
# The longest row of a text table, which Arrow reads in blocks.
_BLOCK_BYTES = 1 << 20
# Names of files and labels, written out, take at most so many times the bytes of their table.
_TEXT_RATIO, _HARMLESS_TEXT = 100, 64 << 20


def read_json_lines(file: Path) -> pd.DataFrame:
    """Read the columns of words and numbers as text, "" for missing cells.

    Columns with lists or objects, such as bounding boxes, are skipped.

    Raises:
        DataError: The file cannot be read, or a line is not an object.
    """
    number = 0
    rows: list[dict[str, object]] = []
    try:
        with file.open(encoding="utf-8-sig") as lines:
            while line := lines.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE:
                    raise ValueError(f"it is longer than {LONGEST_LINE:,} letters")
                if line.strip():
                    rows.append(_row(line))
        return _plain(rows)
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{file} cannot be read as JSON Lines.",
            expected='an object on each line, such as {"file_name": "1.jpg", "label": "cat"}',
            received=f"line {number}: {error}",
        ) from error


def _row(line: str) -> dict[str, object]:
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError("it is not an object")
    return row


def _plain(rows: list[dict[str, object]]) -> pd.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    plain = {
        name: as_text(pd.Series(cells))
        for name, cells in columns.items()
        if all(cell is None or isinstance(cell, str | int | float) for cell in cells)
    }
    return pd.DataFrame(plain)


PARQUET = frozenset({".parquet", ".pq"})


class Cells(NamedTuple):
    """A table's cells as text, and what its columns were taken for.

    Attributes:
        table: The columns `path` and `label` ("" for none); where there are any, also `split`,
            `fold`, `group`, and `several`: the labels of a row that has several in one-hot columns.
        note: For the user.
    """

    table: pd.DataFrame
    note: str


def read_cells(file: Path, given: Columns = Columns()) -> Cells:
    """Read the columns of a table that matter, as text.

    Raises:
        UsageError: A given column does not exist.
        DataError: The table cannot be read, or has no columns of paths and labels.
    """
    return chosen_cells(opened_table(file), given)


def opened_table(file: Path) -> Table:
    """The table in a file; its cells are read later.

    Raises:
        DataError: The table cannot be read.
    """
    suffix = file.suffix.lower()
    if suffix in PARQUET:
        return _table_of_paths(file)
    if suffix == JSON_LINES:
        return table_of_frame(read_json_lines(file), str(file))
    sniffed = sniff(file)
    names = list(sniffed.header or map(str, range(len(sniffed.first))))

    def read(wanted: list[str]) -> pd.DataFrame:
        return _text(_read_text(sniffed, names, wanted), wanted)

    return Table(str(file), names, read, has_header=sniffed.header is not None)


def table_of_frame(frame: pd.DataFrame, name: str) -> Table:
    """A DataFrame as a table."""
    frame = frame.set_axis([str(column) for column in frame.columns], axis=1)

    def read(wanted: list[str]) -> pd.DataFrame:
        try:
            return _text(frame, wanted)
        except UnicodeDecodeError as error:
            raise DataError(
                f"{name} holds the bytes of pictures, or others that are no text.",
                expected="paths of files",
                remedy="open the Parquet file itself; or write the bytes into files, and their "
                "paths into a table",
            ) from error

    return Table(name, list(frame.columns), read)


def chosen_cells(table: Table, given: Columns) -> Cells:
    """The columns that matter, under the names of :class:`Cells`.

    Raises:
        UsageError: A given column does not exist.
        DataError: There are no columns of paths and labels.
    """
    roles = find_roles(table, given)
    read = table.read(roles.columns)
    cells = pd.DataFrame({"path": read[roles.path]})
    if len(roles.labels) == 1:
        cells["label"] = as_labels(read[roles.labels[0]])
    else:
        cells["label"], cells["several"] = _of_one_hot(read[list(roles.labels)])
    if roles.split:
        cells["split"] = read[roles.split]
    elif roles.marks:
        cells["split"] = _of_marks(read[list(roles.marks)])
    folds = as_folds(read[roles.fold]) if roles.fold else None
    if folds is not None:
        cells["fold"] = folds
    if roles.group:
        cells["group"] = read[roles.group]
    if folds is None:
        roles = replace(roles, fold=None)
    return Cells(cells, roles.in_words(table.names, has_header=table.has_header))


def _of_one_hot(read: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The labels of the rows with a single 1; and of those with more."""
    marks = pd.DataFrame({name: as_marks(read[name]) for name in read}).to_numpy(bool)
    names = np.array(read.columns, object)
    found = [names[row] for row in marks]
    one = [labels[0] if len(labels) == 1 else "" for labels in found]
    several = [", ".join(labels) if len(labels) > 1 else "" for labels in found]
    return pd.Series(one, dtype="str"), pd.Series(several, dtype="str")


def _of_marks(read: pd.DataFrame) -> pd.Series:
    """The split that each row's marks say; rows that nothing marks are for training.

    Where only the training pictures are marked, the others are for testing.
    """
    splits = {split_marked(str(name)): as_marks(read[name]) for name in read}
    split = pd.Series("test" if list(splits) == ["train"] else "train", read.index, dtype="str")
    for name, mark in splits.items():
        if name and mark is not None:
            split = split.mask(mark, name)
    return split


def _text(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    columns = {name: as_text(_column(frame, name)) for name in names}
    return pd.DataFrame(columns).reset_index(drop=True)


def _read_text(sniffed: Delimited, names: list[str], wanted: list[str]) -> pd.DataFrame:
    # Of columns with the same name, only the first is used.
    first = {name: index for index, name in reversed(list(enumerate(names)))}
    unique = [name if first[name] == i else f"{name}\0{i}" for i, name in enumerate(names)]
    try:
        types = dict.fromkeys(wanted, pa.string())
        limits = {"block_size": _BLOCK_BYTES, "newlines_in_values": True}
        read = read_columns(sniffed, unique, types, **limits)
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error):
            raise not_utf8(sniffed.path) from error
        reason = str(error).splitlines()[0]
        if "straddl" in reason:
            reason = f"a row of more than {_BLOCK_BYTES:,} bytes, or a quote that is never closed"
        raise DataError(f"{sniffed.path} is not a complete table.", received=reason) from error
    cells: pd.DataFrame = read.to_pandas()
    return cells


def _table_of_paths(file: Path) -> Table:
    table = parquet_table(file)
    schema = pyarrow.parquet.read_schema(file)
    if column_named(table.names, PATHS) is None and (path := column_named(schema.names, PATHS)):
        raise DataError(
            f"The column {path} of {file} does not hold paths.",
            expected="a column of text, or of pictures: bytes, or a record with bytes",
            received=str(schema.field(path).type),
            remedy="write the pictures into files, and their paths into the table",
        )
    return table


def parquet_table(file: Path) -> Table:
    """The columns of text and numbers in a Parquet file.

    Raises:
        DataError: It cannot be read, or states more than a file of its size can hold.
    """
    try:
        opened = pyarrow.parquet.ParquetFile(file)
        schema, header = opened.schema_arrow, opened.metadata
        groups = [header.row_group(index) for index in range(header.num_row_groups)]
        stated = max(sum(group.total_byte_size for group in groups), _ROW_BYTES * header.num_rows)
        most = most_unpacked(file.stat().st_size)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _no_parquet(file, error) from error
    if stated > most:
        received = f"{header.num_rows:,} rows, {stated:,} bytes or more"
        raise _too_large(file, f"{most:,} bytes", received)
    # Bytes and records are no cells: pictures may be among them.
    plain = [name for name in schema.names if not _is_nested(schema.field(name).type)]

    def read(wanted: list[str]) -> pd.DataFrame:
        try:
            # Parquet stores equal cells once, however long; so they are read, to be measured.
            cells = pyarrow.parquet.ParquetFile(file, read_dictionary=wanted).read(columns=wanted)
            cells.validate(full=True)  # Parquet does not check that text is UTF-8
            _require_text_within(cells, file)
            return _text(cells.to_pandas(ignore_metadata=True), wanted)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _no_parquet(file, error) from error

    return Table(str(file), plain, read)


def _require_text_within(cells: pa.Table, file: Path) -> None:
    """Raise `DataError` where the cells, written out, are far larger than their table."""
    most = max(_HARMLESS_TEXT, _TEXT_RATIO * file.stat().st_size)
    length = 0
    for chunk in (chunk for column in cells.columns for chunk in column.chunks):
        lengths = chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk
        if pa.types.is_string(lengths.type) or pa.types.is_large_string(lengths.type):
            lengths = pc.binary_length(lengths).cast(pa.int64())
            if pa.types.is_dictionary(chunk.type):
                lengths = lengths.take(chunk.indices)
            length += pc.sum(lengths).as_py() or 0
    if length > most:
        raise _too_large(file, f"{most:,} bytes of text", f"{length:,} bytes")


def _too_large(file: Path, most: str, received: str) -> DataError:
    return DataError(
        f"{file} would become too large.",
        expected=f"at most {most}, for a file of its size",
        received=received,
        remedy="if you trust it, save it as CSV",
    )


def _is_nested(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    )


def _no_parquet(file: Path, error: Exception) -> DataError:
    return DataError(f"{file} cannot be read as Parquet: {str(error).rstrip('.')}.")


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    column = table[name]
    return column if isinstance(column, pd.Series) else column.iloc[:, 0]
