"""A run from a stranger: whatever its files hold, it is read, or refused with one kind of error."""

import copy
import io
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from small import copied
from viewfinder.core.errors import RunError
from viewfinder.evaluation.comparison.compare import compare
from viewfinder.evaluation.doctor import diagnose
from viewfinder.evaluation.doctor.case import case_of
from viewfinder.run import Run

# More by hand: VIEWFINDER_TAMPERED=1000000 tries every change.
MOST = int(os.environ.get("VIEWFINDER_TAMPERED", "16"))
WRONG = ["x", -1, 0.5, None, [], {}, [[]], True, float("nan"), 10**30]


def paths(document: Any, depth: int = 3) -> Iterator[tuple[Any, ...]]:
    """The keys and first items of a document, to this depth."""
    items = document.items() if isinstance(document, dict) else enumerate(document[:1])
    for key, value in items:
        yield (key,)
        if depth > 1 and isinstance(value, dict | list):
            yield from ((key, *below) for below in paths(value, depth - 1))


def changed(document: Any, path: tuple[Any, ...], *value: Any) -> bytes:
    """The document as JSON, with another value at the path; without one, the path is removed."""
    document = copy.deepcopy(document)
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    if value:
        parent[path[-1]] = value[0]
    else:
        del parent[path[-1]]
    return json.dumps(document).encode()


def tampered_json(content: bytes) -> Iterator[bytes]:
    yield from (b"", b"\xff\xfe{}", b"null", b"[]", b"{}", b"[" * 100_000, b'"\\ud800"')
    document = json.loads(content)
    for path in paths(document):
        yield changed(document, path)
        yield from (changed(document, path, value) for value in WRONG)


def tampered_table(content: bytes) -> Iterator[bytes]:
    table = pd.read_parquet(io.BytesIO(content))
    tables = [table.iloc[:0], pd.concat([table, table]), table.iloc[1:]]
    for name in table:
        tables.append(table.drop(columns=name))
        wrong = ["x", -1, 1.5, float("inf"), None, [[1.0]] * len(table), [b"\xff"] * len(table)]
        tables += [table.assign(**{name: value}) for value in wrong]
    yield from (b"", b"PAR1")
    yield from (one.to_parquet(index=False) for one in tables)


def tampered_csv(content: bytes) -> Iterator[bytes]:
    table = pd.read_csv(io.BytesIO(content))
    tables = [table.iloc[:0], table.iloc[::-1], pd.concat([table, table])]
    for name in table:
        tables.append(table.drop(columns=name))
        tables += [table.assign(**{name: value}) for value in ("x", -1, 1.5, 1e300, None)]
    yield from (b"", b"\xff\xfe", b'"')
    yield from (one.to_csv(index=False).encode() for one in tables)


KINDS = {".json": tampered_json, ".parquet": tampered_table, ".csv": tampered_csv}


@pytest.mark.parametrize(
    "name",
    [
        "metrics.json",
        "environment.json",
        "timing.json",
        "labels.json",
        "data.parquet",
        "predictions.parquet",
        "history.csv",
        "skipped.csv",
    ],
)
def test_a_tampered_file_is_read_or_refused(trained: Run, tmp_path: Path, name: str):
    run = Run(copied(trained.folder, tmp_path))
    path = run.folder / name
    every = list(KINDS[path.suffix](path.read_bytes()))
    refused = 0
    for content in random.Random(0).sample(every, min(MOST, len(every))):
        path.write_bytes(content)
        try:
            diagnose(case_of(run))
            compare([run, trained])
            run.passed_over()
        except RunError as error:
            assert str(run.folder) in str(error)  # noqa: PT017
            refused += 1
    assert refused
