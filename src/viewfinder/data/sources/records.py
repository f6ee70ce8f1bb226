"""Restore a source from its record (`Source.record`)."""

from collections.abc import Callable
from typing import Any

from viewfinder.core.errors import DataError
from viewfinder.data.source import Source
from viewfinder.data.sources.arrays import ArraySource
from viewfinder.data.sources.folder import FolderSource
from viewfinder.data.sources.idx import IdxSource
from viewfinder.data.sources.npz import NpzSource
from viewfinder.data.sources.parquet import ParquetSource
from viewfinder.data.sources.pixel_csv import PixelCsvSource
from viewfinder.data.sources.saved import SavedSource
from viewfinder.data.sources.table import TableSource
from viewfinder.data.sources.tarred import TarSource
from viewfinder.data.sources.unpacked import UnpackedSource
from viewfinder.data.sources.zipped import ZipSource

Record = dict[str, Any]


def from_record(record: Record) -> Source:
    """Return the source that a record describes (:meth:`Source.record`).

    Raises:
        DataError: The record is of no known kind, or is damaged.
    """
    kind = str(record.get("kind"))
    if kind not in _KINDS:
        raise DataError(f"Unknown kind of source: {kind!r}.", expected=", ".join(_KINDS))
    try:
        return _KINDS[kind](record)
    except (KeyError, TypeError, AttributeError, ValueError, StopIteration) as error:
        raise DataError(f"The record of a source is damaged: {error!r}.") from error


_KINDS: dict[str, Callable[[Record], Source]] = {
    "folder": FolderSource.from_record,
    "table": TableSource.from_record,
    "pixel csv": PixelCsvSource.from_record,
    "parquet": ParquetSource.from_record,
    "idx": IdxSource.from_record,
    "npz": NpzSource.from_record,
    "arrays": ArraySource.from_record,
    "zip": ZipSource.from_record,
    "tar": TarSource.from_record,
    "unpacked": lambda record: UnpackedSource.from_record(record, from_record),
    "saved": lambda record: SavedSource.from_record(record, from_record),
}
