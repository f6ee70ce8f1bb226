"""The one pass of an audit: every picture measured once, and remembered in the user's cache."""

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
from viewfinder.audit.measure import OK, TINT_SIDE, Measurement, measure
from viewfinder.core.errors import RejectedPicture
from viewfinder.core.files import cache_folder
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.source import Source, Stamp

_CHUNK, _AHEAD = 16, 8
_MISSING = Stamp(-1, -1)


@dataclass(frozen=True, eq=False)
class Measurements:
    """The measured pictures of a dataset, a row each, in its order.

    Attributes:
        table: The columns of :class:`viewfinder.audit.measure.Measurement`, but not the
            images.
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
        """Which pictures have pixels, shape `(n,)`."""
        return np.asarray(self.table["status"] == OK)


def survey(
    dataset: Dataset, *, workers: int | None = None, progress: Progress | None = None
) -> Measurements:
    """Measure the dataset's pictures, as far as the cache does not know them yet.

    An interruption keeps what has been measured.

    Args:
        dataset: The pictures.
        workers: Threads that decode; by default one a core.
        progress: Shows how far the pass is.

    Raises:
        OutputError: The cache cannot be written.
    """
    remembered = cache.load(folder := survey_folder(dataset.source))
    stamps = {
        name: _stamp(dataset.source, name) for name in dict.fromkeys(dataset.table["locator"])
    }
    pending = list(_unknown(remembered, stamps))
    if pending:
        _measure_all(dataset.source, pending, remembered, workers, progress or Progress(0))
        remembered = cache.compact(folder)
    measurements = _in_order(remembered, dataset)
    del remembered
    cache.give_back()
    return measurements


def is_measured(dataset: Dataset) -> bool:
    """Whether `survey` would open no picture of this dataset."""
    remembered = cache.load(survey_folder(dataset.source))
    stamps = {name: _stamp(dataset.source, name) for name in dataset.table["locator"]}
    return not any(_unknown(remembered, stamps))


def survey_folder(source: Source) -> Path:
    """Where the measurements of this source's pictures are kept."""
    origin = source.origin
    address = json.dumps(origin.record(), sort_keys=True).encode()
    key = hashlib.blake2b(address, digest_size=8).hexdigest()
    return cache_folder() / "audits" / f"{Path(str(origin)).resolve().name[:40]}-{key}"


def _measure_all(
    source: Source,
    pending: list[tuple[str, Stamp]],
    remembered: pa.Table,
    workers: int | None,
    progress: Progress,
) -> None:
    contents = {text: row for row, text in enumerate(remembered["content"].to_pylist()) if text}

    def recall(content: str) -> Measurement | None:
        row = contents.get(content)
        return None if row is None else cache.measurement(remembered, row)

    def several(chunk: list[tuple[str, Stamp]]) -> list[Measurement]:
        return [measure(source, *item, recall=recall) for item in chunk]

    # Several at once, for handing over a single picture takes a tenth of its time.
    chunks = [pending[start : start + _CHUNK] for start in range(0, len(pending), _CHUNK)]
    workers = cores() if workers is None else workers
    rows = chain.from_iterable(map_ahead(several, chunks, workers=workers, ahead=_AHEAD))
    with cache.written_as_they_come(survey_folder(source)) as collect:
        for row in progress.track(rows, f"Looking at {source}", len(pending)):
            collect(row)


def _unknown(remembered: pa.Table, stamps: Mapping[str, Stamp]) -> Iterator[tuple[str, Stamp]]:
    """The pictures that no row tells of."""
    columns = (remembered[name].to_pylist() for name in ("locator", "size", "modified_ns"))
    seen = {locator: Stamp(*stamp) for locator, *stamp in zip(*columns, strict=True)}
    for locator, stamp in stamps.items():
        if seen.get(locator) != stamp or stamp == _MISSING:
            yield locator, stamp


def _in_order(remembered: pa.Table, dataset: Dataset) -> Measurements:
    rows = {locator: row for row, locator in enumerate(remembered["locator"].to_pylist())}
    order = [rows[one] for one in dataset.table["locator"]]
    in_order = order == list(range(len(remembered)))
    wanted = remembered if in_order else remembered.take(pa.array(order, pa.int64()))
    images = {name: cache.images(wanted[name]) for name in ("thumbnail", "tint")}
    return Measurements(
        table=wanted.drop_columns(["thumbnail", "tint"]).to_pandas(),
        thumbnails=images["thumbnail"].reshape(-1, SIDE, SIDE),
        tints=images["tint"].reshape(-1, TINT_SIDE, TINT_SIDE, 2),
    )


def _stamp(source: Source, locator: str) -> Stamp:
    try:
        return source.stamp(locator)
    except RejectedPicture:
        return _MISSING
