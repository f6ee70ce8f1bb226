"""Measurements on disk: Parquet files in a folder of the user's cache.

    part-….parquet     rows as they were measured, written every few seconds
    all-….parquet      all rows, once a pass has ended; the files that went into it are removed

So a pass that was killed loses seconds, and goes on where it was. Files have names of their own
and are written whole: two audits at once do each other no harm. A file of other versions of the
decoders or of the measures, or one that cannot be read, does not count.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from viewfinder.audit.hashes import SIDE
from viewfinder.audit.measure import MEASURES_VERSION, TINT_SIDE, Measurement
from viewfinder.core.files import written_whole
from viewfinder.pictures.preprocessing import PIXELS_VERSION

_FLUSH_S = 1.0
_FLUSH_ROWS = 2000
_DECODERS = ("pillow", "simplejpeg", "opencv-python-headless")
_TYPES = {
    "thumbnail": pa.binary(SIDE * SIDE),
    "tint": pa.binary(TINT_SIDE * TINT_SIDE * 2),
    "hash": pa.uint64(),
    "mirrored_hash": pa.uint64(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
}


def _schema() -> pa.Schema:
    fields = [
        (name, _TYPES.get(name) or _TYPES[kind])
        for name, kind in Measurement.__annotations__.items()
    ]
    decoders = " ".join(f"{name} {version(name)}" for name in _DECODERS)
    made_by = f"measures {MEASURES_VERSION}, pixels {PIXELS_VERSION}, {decoders}"
    return pa.schema(fields, metadata={"made_by": made_by})


_SCHEMA = _schema()


def load(folder: Path) -> pa.Table:
    """All rows in this folder, one for each locator: the one that was measured last."""
    return _latest([table for _, table in _read(folder)])


def compact(folder: Path) -> pa.Table:
    """The same as `load`; the rows are brought together in one file.

    Raises:
        OutputError: The folder cannot be written.
    """
    read = list(_read(folder))
    table = _latest([table for _, table in read])
    if len(read) > 1:
        _write(folder, "all", table)
        for path, _ in read:
            path.unlink(missing_ok=True)
    return table


def give_back() -> None:
    """Give memory back to the system: Arrow keeps what reading and writing took."""
    pa.default_memory_pool().release_unused()


@contextmanager
def written_as_they_come(folder: Path) -> Iterator[Callable[[Measurement], None]]:
    """A function that takes rows; they are on disk soon after, and all of them when this ends.

    Raises:
        OutputError: The folder cannot be written.
    """
    waiting: list[Measurement] = []
    due = time.monotonic() + _FLUSH_S

    def collect(row: Measurement) -> None:
        nonlocal due
        waiting.append(row)
        if len(waiting) >= _FLUSH_ROWS or time.monotonic() > due:
            _write(folder, "part", _table(waiting))
            waiting.clear()
            due = time.monotonic() + _FLUSH_S

    try:
        yield collect
    finally:
        if waiting:
            _write(folder, "part", _table(waiting))


def measurement(table: pa.Table, row: int) -> Measurement:
    """One row of a loaded table."""
    return Measurement(**table.slice(row, 1).to_pylist()[0])


def images(column: pa.ChunkedArray) -> NDArray[np.uint8]:
    """A column of images as one array, uint8, shape `(n, bytes of an image)`."""
    width = column.type.byte_width
    pixels = np.empty((len(column), width), np.uint8)
    done = 0
    for chunk in column.chunks:
        flat = np.frombuffer(chunk.buffers()[1], np.uint8)
        start = chunk.offset * width
        pixels[done : done + len(chunk)] = flat[start : start + len(chunk) * width].reshape(
            -1, width
        )
        done += len(chunk)
    return pixels


def _table(rows: list[Measurement]) -> pa.Table:
    columns = dict(zip(Measurement._fields, zip(*rows, strict=True), strict=True))
    return pa.table(columns, schema=_SCHEMA)


def _latest(tables: list[pa.Table]) -> pa.Table:
    table = pa.concat_tables(tables) if tables else _SCHEMA.empty_table()
    last = {locator: row for row, locator in enumerate(table["locator"].to_pylist())}
    if len(last) == len(table):
        return table
    return table.take(pa.array(sorted(last.values()), pa.int64()))


def _read(folder: Path) -> Iterator[tuple[Path, pa.Table]]:
    """The files in this folder, the oldest first."""
    files = [*folder.glob("all-*.parquet"), *folder.glob("part-*.parquet")]
    for path in sorted(files, key=lambda path: path.name.split("-")[1]):
        with suppress(OSError, ValueError, pa.ArrowException):
            table = pq.read_table(path, memory_map=False)
            if table.schema.equals(_SCHEMA, check_metadata=True):
                yield path, table


def _write(folder: Path, kind: str, table: pa.Table) -> None:
    name = f"{kind}-{time.time_ns():020}-{uuid4().hex}.parquet"
    with written_whole(folder / name) as temporary:
        pq.write_table(table, temporary, compression="zstd")
