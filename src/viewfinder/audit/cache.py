"""Measurements on disk: Parquet files in a folder of the user's cache.

    part-….parquet     new rows, written every second
    all-….parquet      all rows, after a complete pass; it replaces the other files

A killed pass loses a second of work. Files have unique names and are written atomically, so two
audits at once do not interfere. Unreadable files, and those of other versions of the decoders or
the measures, are ignored.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from viewfinder.audit.hashes import SIDE
from viewfinder.audit.measure import MEASURES_VERSION, TINT_SIDE, Measurement
from viewfinder.core.files import written_whole
from viewfinder.pictures.preprocessing import PIXELS_VERSION, decoder_versions

_FLUSH_S = 1.0
_FLUSH_ROWS = 2000
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
    decoders = " ".join(f"{name} {version}" for name, version in decoder_versions().items())
    made_by = f"measures {MEASURES_VERSION}, pixels {PIXELS_VERSION}, {decoders}"
    return pa.schema(fields, metadata={"made_by": made_by})


_SCHEMA = _schema()


def load(folder: Path) -> pa.Table:
    """Read all rows in this folder, the latest for each locator."""
    return _latest([table for _, table in _read(folder)])


def compact(folder: Path) -> pa.Table:
    """Read all rows as `load` does, and write them to one file.

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


def release_memory() -> None:
    """Return to the system the memory that Arrow keeps after reading and writing."""
    pa.default_memory_pool().release_unused()


@contextmanager
def row_writer(folder: Path) -> Iterator[Callable[[Measurement], None]]:
    """Yield a function that appends rows; they are on disk within a second or at the end.

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
    """Return one row of a loaded table."""
    return Measurement(**table.slice(row, 1).to_pylist()[0])


def images(column: pa.ChunkedArray) -> NDArray[np.uint8]:
    """Return a column of images as one array, uint8, shape `(n, bytes of an image)`."""
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
    """Yield the files in this folder, oldest first."""
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
