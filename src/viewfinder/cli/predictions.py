"""Predictions as a table, JSON, JSON lines, CSV or Parquet, written as they come."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

from viewfinder.core.errors import UsageError
from viewfinder.core.files import json_text, written_whole
from viewfinder.core.words import percent

if TYPE_CHECKING:
    from viewfinder.classifier import Prediction

# Rows of a table, and of a group in a Parquet file.
BLOCK = 500


@dataclass
class Counted:
    """Predictions, counted as they pass."""

    predictions: "Iterable[Prediction]"
    count: int = 0
    rejected: int = 0

    def __iter__(self) -> "Iterator[Prediction]":
        for one in self.predictions:
            self.count += 1
            self.rejected += one.rejection is not None
            yield one


@dataclass(frozen=True)
class Form:
    """What is written of each prediction.

    Attributes:
        classes: The names of the classes.
        top: How many of the most probable classes a table and JSON have.
        of_sets: Whether there are prediction sets.
        of_scores: Whether there are outlier scores.
    """

    classes: tuple[str, ...]
    top: int
    of_sets: bool
    of_scores: bool = False

    def print_table(self, predictions: "Iterable[Prediction]") -> None:
        """Print tables of at most `BLOCK` rows, so that any number fits into the memory."""
        from viewfinder.cli.tables import stdout, table

        console = stdout()
        headings = ["picture", "set" if self.of_sets else "label", "probabilities"]
        remaining = iter(predictions)
        while block := [self._cells(one) for one in islice(remaining, BLOCK)]:
            console.print(table(headings, block))

    def _cells(self, one: "Prediction") -> list[str]:
        if one.label is None:
            return [one.picture, "–", one.rejection or ""]
        answer = ", ".join(one.classes or ["unknown"]) if self.of_sets else one.label
        if one.is_outlier:
            answer += f" (outlier score {one.outlier_score:.2f})"
        shares = (f"{name} {percent(share)}" for name, share in one.probabilities.items())
        return [one.picture, answer, "  ".join(islice(shares, self.top))]

    def print_json(self, predictions: "Iterable[Prediction]", run: str) -> None:
        """Print one document."""
        print('{\n  "schema": 1,')
        print(f'  "run": {json.dumps(run)},\n  "predictions": [', end="")
        comma = ""
        for one in predictions:
            row = indent(json_text(one.to_json(self.top)), "    ")
            print(f"{comma}\n{row}", end="")
            comma = ","
        print("\n  ]\n}")

    def print_lines(self, predictions: "Iterable[Prediction]") -> None:
        """Print a JSON document a line."""
        for one in predictions:
            print(json.dumps(one.to_json(self.top), allow_nan=False))

    def print_csv(self, predictions: "Iterable[Prediction]") -> None:
        """Print a row a picture, and a column for each class."""
        writer = csv.writer(sys.stdout, lineterminator="\n")
        of_sets = ["set"] if self.of_sets else []
        of_scores = ["outlier_score"] if self.of_scores else []
        before, after = ["picture", "label", "confidence"], ["rejection", *of_sets, *of_scores]
        taken = {*before, *after}
        shares = [f"probability {name}" if name in taken else name for name in self.classes]
        writer.writerow([*before, *shares, *after])
        for one in predictions:
            values = [one.probabilities.get(name, "") for name in self.classes]
            row = [_text(one.picture), one.label or "", one.confidence, *values]
            sets = [json.dumps(one.classes, ensure_ascii=False)] if self.of_sets else []
            scores = [one.outlier_score] if self.of_scores else []
            writer.writerow([*row, one.rejection or "", *sets, *scores])

    def write_parquet(self, predictions: "Iterable[Prediction]", path: Path) -> None:
        """Write a row a picture, completely or not at all.

        Raises:
            OutputError: The file cannot be written.
        """
        import pyarrow
        from pyarrow.parquet import ParquetWriter

        number, text = pyarrow.float64(), pyarrow.string()
        columns = {"picture": text, "label": text, "confidence": number, "rejection": text}
        if self.of_sets:
            columns["set"] = pyarrow.list_(text)
        if self.of_scores:
            columns["outlier_score"] = number
        shares = {name: f"probability {name}" for name in self.classes}
        schema = pyarrow.schema(columns | dict.fromkeys(shares.values(), number))
        remaining = iter(predictions)
        with written_whole(path) as temporary, ParquetWriter(temporary, schema) as writer:
            while block := list(islice(remaining, BLOCK)):
                rows = [self._row(one, shares) for one in block]
                writer.write_table(pyarrow.Table.from_pylist(rows, schema))

    def _row(self, one: "Prediction", shares: dict[str, str]) -> dict[str, Any]:
        row = one.to_json() | {"picture": _text(one.picture)}
        found = row.pop("probabilities")
        return row | {column: found.get(name) for name, column in shares.items()}


def require_parquet(path: Path) -> None:
    """Raise `UsageError` unless a Parquet file of this name can be written."""
    from importlib.util import find_spec

    from viewfinder.classifier.files import require_no_file_of_run

    if path.suffix != ".parquet":
        raise UsageError(
            "The name of a Parquet file ends in .parquet.",
            expected="a file name such as answers.parquet",
            received=str(path),
        )
    if not find_spec("pyarrow"):
        raise UsageError("Parquet needs PyArrow.", remedy="pip install pyarrow")
    require_no_file_of_run(path)


def _text(name: str) -> str:
    """A path as valid Unicode: its other bytes as `\\xNN`."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
