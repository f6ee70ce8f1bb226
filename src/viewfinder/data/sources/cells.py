"""The cells of a table of paths, read from CSV, Parquet or JSON Lines as text."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from viewfinder.core.errors import DataError
from viewfinder.data.sources.columns import as_text, find_columns, guess_unnamed
from viewfinder.data.sources.delimited import Delimited, not_utf8, open_bytes, sniff
from viewfinder.data.sources.hints import Columns

JSON_LINES = ".jsonl"


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
            for line in lines:
                number += 1
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


_PARQUET = frozenset({".parquet", ".pq"})


def header_of(file: Path) -> list[str]:
    """The names of a table's columns; their indices if it has no header.

    Raises:
        DataError: The table cannot be read.
    """
    if file.suffix.lower() in _PARQUET:
        return list(_parquet_schema(file).names)
    if file.suffix.lower() == JSON_LINES:
        return list(map(str, read_json_lines(file).columns))
    sniffed = sniff(file)
    return list(sniffed.header or map(str, range(len(sniffed.first))))


def read_cells(file: Path, given: Columns = Columns()) -> pd.DataFrame:
    """Read the columns `path`, `label` and optionally `split` and `group` of a table, as text.

    Raises:
        DataError: The table cannot be read, or has no such columns.
    """
    if file.suffix.lower() in _PARQUET:
        return _read_parquet(file, given)
    if file.suffix.lower() == JSON_LINES:
        table = read_json_lines(file)
        return chosen_cells(table, find_columns(list(table.columns), given, str(file)))
    sniffed, names = sniff(file), header_of(file)
    if sniffed.header is None:
        given = guess_unnamed(sniffed.first, given)
    found = find_columns(names, given, str(file))
    return chosen_cells(_read_text(sniffed, names, found), found)


def _read_text(sniffed: Delimited, names: list[str], found: Columns) -> pd.DataFrame:
    wanted = {name for name in asdict(found).values() if name}
    # Of columns with the same name, only the first is used.
    unique = [name if name not in names[:i] else f"{name}\0{i}" for i, name in enumerate(names)]
    try:
        read = pyarrow.csv.read_csv(
            open_bytes(sniffed.path),
            pyarrow.csv.ReadOptions(column_names=unique, skip_rows_after_names=sniffed.skip),
            pyarrow.csv.ParseOptions(delimiter=sniffed.delimiter, newlines_in_values=True),
            pyarrow.csv.ConvertOptions(
                include_columns=sorted(wanted), column_types=dict.fromkeys(wanted, pa.string())
            ),
        )
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error):
            raise not_utf8(sniffed.path) from error
        raise DataError(
            f"{sniffed.path} is not a complete table.", received=str(error).splitlines()[0]
        ) from error
    cells: pd.DataFrame = read.to_pandas()
    return cells


def _read_parquet(file: Path, given: Columns) -> pd.DataFrame:
    schema = _parquet_schema(file)
    found = find_columns(schema.names, given, str(file))
    if found.path and not _is_text(schema.field(found.path).type):
        raise DataError(
            f"The column {found.path} of {file} does not hold paths.",
            expected="a column of text",
            received=str(schema.field(found.path).type),
            remedy="write the pictures into files, and their paths into the table",
        )
    wanted = [name for name in asdict(found).values() if name]
    try:
        read = pyarrow.parquet.ParquetFile(file).read(columns=list(dict.fromkeys(wanted)))
        read.validate(full=True)  # Parquet does not check that text is UTF-8
        return chosen_cells(read.to_pandas(ignore_metadata=True), found)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _no_parquet(file, error) from error


def _parquet_schema(file: Path) -> Any:
    try:
        return pyarrow.parquet.ParquetFile(file).schema_arrow
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _no_parquet(file, error) from error


def _no_parquet(file: Path, error: Exception) -> DataError:
    return DataError(f"{file} cannot be read as Parquet: {str(error).rstrip('.')}.")


def _is_text(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def chosen_cells(table: pd.DataFrame, found: Columns) -> pd.DataFrame:
    """The columns of `found`, as text, renamed to `path`, `label`, `split` and `group`."""
    columns = {
        name: as_text(_column(table, column))
        for name, column in asdict(found).items()
        if column is not None
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    column = table[name]
    return column if isinstance(column, pd.Series) else column.iloc[:, 0]
