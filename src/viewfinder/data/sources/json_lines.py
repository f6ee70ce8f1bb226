"""Tables as lines of JSON, an object a row: `{"file_name": "1.jpg", "label": "cat"}`."""

import json
from pathlib import Path

import pandas as pd

from viewfinder.data.sources.columns import as_text
from viewfinder.errors import DataError

JSON_LINES = ".jsonl"


def read_json_lines(file: Path) -> pd.DataFrame:
    """The columns of words and numbers, as text; "" where a row has none.

    What a column with lists or objects holds (boxes of objects, for example) is no cell: the
    column is left out.

    Raises:
        DataError: It cannot be read, or a line is no object.
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
            f"{file} cannot be read as lines of JSON.",
            expected='an object on each line, such as {"file_name": "1.jpg", "label": "cat"}',
            received=f"line {number}: {error}",
        ) from error


def _row(line: str) -> dict[str, object]:
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError("it is no object")
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
