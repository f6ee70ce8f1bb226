"""The pass of an audit: every picture is measured once, and the row stored in the user's cache."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from viewfinder.audit import cache
from viewfinder.audit.hashes import SIDE
from viewfinder.audit.measure import TINT_SIDE, Measurement, measure
from viewfinder.core.files import cache_folder
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import OK, Dataset
from viewfinder.data.source import MISSING, Source, Stamp

_CHUNK, _AHEAD = 16, 8


@dataclass(frozen=True, eq=False)
class Measurements:
    """The measured pictures of a dataset, a row each, in its order.

    Attributes:
        table: The columns of :class:`viewfinder.audit.measure.Measurement` without the images.
        thumbnails: Gray, uint8, shape `(n, 32, 32)`; zeros for rejected pictures.
        tints: Cr and Cb, uint8, shape `(n, 8, 8, 2)`.
    """

    table: pd.DataFrame
    thumbnails: NDArray[np.uint8]
    tints: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.table)

    @property
    def readable(self) -> NDArray[np.bool_]:
        """The mask of the pictures with pixels, shape `(n,)`."""
        return np.asarray(self.table["status"] == OK)

    def of_rows(self, rows: NDArray[np.intp]) -> "Measurements":
        """The measurements of these pictures."""
        table = self.table.iloc[rows].reset_index(drop=True)
        return Measurements(table, self.thumbnails[rows], self.tints[rows])


def survey(
    dataset: Dataset, *, workers: int | None = None, progress: Progress | None = None
) -> Measurements:
    """Measure the pictures of a dataset that are new or have changed since the last call.

    An interrupted pass resumes.

    Args:
        dataset: The pictures.
        workers: Threads that decode; by default one per core.
        progress: Shows the reading.

    Raises:
        OutputError: The cache cannot be written.
    """
    known = cache.load(folder := survey_folder(dataset.source))
    stamps = _stamps(dataset)
    pending = list(_unknown(known, stamps))
    if pending:
        _measure_all(dataset.source, pending, known, workers, progress or Progress(0))
        known = cache.compact(folder)
    measurements = _in_order(known, dataset)
    del known
    cache.release_memory()
    return measurements


def is_measured(dataset: Dataset) -> bool:
    """Whether every picture of this dataset is measured, so that `survey` opens none."""
    known = cache.load(survey_folder(dataset.source))
    return not any(_unknown(known, _stamps(dataset)))


def survey_folder(source: Source) -> Path:
    """Return the folder of the measurements of this source's pictures."""
    origin = source.origin
    address = json.dumps(origin.record(), sort_keys=True).encode()
    key = hashlib.blake2b(address, digest_size=8).hexdigest()
    return cache_folder() / "audits" / f"{Path(str(origin)).resolve().name[:40]}-{key}"


def _measure_all(
    source: Source,
    pending: list[tuple[str, Stamp]],
    known: pa.Table,
    workers: int | None,
    progress: Progress,
) -> None:
    contents = {text: row for row, text in enumerate(known["content"].to_pylist()) if text}

    def recall(content: str) -> Measurement | None:
        row = contents.get(content)
        return None if row is None else cache.measurement(known, row)

    def several(chunk: list[tuple[str, Stamp]]) -> list[Measurement]:
        return [measure(source, *item, recall=recall) for item in chunk]

    # In chunks, because passing on a single picture takes a tenth of the time to measure it.
    chunks = [pending[start : start + _CHUNK] for start in range(0, len(pending), _CHUNK)]
    workers = cores() if workers is None else workers
    rows = chain.from_iterable(map_ahead(several, chunks, workers=workers, ahead=_AHEAD))
    with cache.row_writer(survey_folder(source)) as write:
        for row in progress.track(rows, f"Measuring {source}", len(pending)):
            write(row)


def _stamps(dataset: Dataset) -> dict[str, Stamp]:
    return {name: dataset.source.present_stamp(name) for name in dataset.table["locator"].unique()}


def _unknown(known: pa.Table, stamps: Mapping[str, Stamp]) -> Iterator[tuple[str, Stamp]]:
    """Yield the pictures without a row of their current stamp."""
    columns = (known[name].to_pylist() for name in ("locator", "size", "mark"))
    seen = {locator: Stamp(*stamp) for locator, *stamp in zip(*columns, strict=True)}
    for locator, stamp in stamps.items():
        if seen.get(locator) != stamp or stamp == MISSING:
            yield locator, stamp


def _in_order(known: pa.Table, dataset: Dataset) -> Measurements:
    rows = {locator: row for row, locator in enumerate(known["locator"].to_pylist())}
    order = [rows[locator] for locator in dataset.table["locator"]]
    in_order = order == list(range(len(known)))
    ordered = known if in_order else known.take(pa.array(order, pa.int64()))
    images = {name: cache.images(ordered[name]) for name in ("thumbnail", "tint")}
    return Measurements(
        table=ordered.drop_columns(["thumbnail", "tint"]).to_pandas(),
        thumbnails=images["thumbnail"].reshape(-1, SIDE, SIDE),
        tints=images["tint"].reshape(-1, TINT_SIDE, TINT_SIDE, 2),
    )
