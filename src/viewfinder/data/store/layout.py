"""The files of a store, and how to read them.

A store is a folder, one for each (source, preprocessing):

    store.json          identity of the store, and the names of the next two files
    pixels-….u8         (rows, height, width, channels) uint8, one picture after the other
    index-….parquet     a row per picture: locator, stamp, content hash, row of pixels, checksum,
                        or the reason of its rejection; store.json has the file's checksum
    lock                held while the store is written

An update writes new files under new names and then replaces `store.json`, so a reader sees the old
store or the new one, and a killed build leaves the old one intact.
"""

import hashlib
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xxhash
from numpy.typing import NDArray

from viewfinder.core.errors import RejectedPicture, UsageError
from viewfinder.core.files import cache_folder
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.data.dataset import OK, Dataset
from viewfinder.data.source import Source
from viewfinder.data.store.live import LivePictures
from viewfinder.pictures.preprocessing import Preprocessing, decoder_versions

Pixels = NDArray[np.uint8]

NO_PIXELS = -1

# Raised when the meaning of the files changes.
SCHEMA = 2


class Entry(NamedTuple):
    """A row of the index, for one picture."""

    locator: str
    size: int
    mark: int
    content: str
    row: int
    checksum: int
    status: str
    detail: str
    width: int
    height: int


@dataclass(frozen=True)
class Store:
    """Prepared pictures, read-only.

    Attributes:
        folder: The path.
        pixels: Memory-mapped, uint8, shape (rows, height, width, channels); None in a store
            beyond its budget, which holds the index only.
        entries: The row of each picture, by locator.
        preprocessing: The preprocessing of the pixels.
    """

    folder: Path
    pixels: Pixels | None = field(repr=False)
    entries: dict[str, Entry] = field(repr=False)
    preprocessing: Preprocessing

    def describe(self, dataset: Dataset) -> Dataset:
        """Return the dataset with the columns `status`, `detail`, `width`, `height`, `content`."""
        found = pd.DataFrame(
            [self.entries[locator] for locator in dataset.table["locator"]], columns=Entry._fields
        )
        columns = ("status", "detail", "width", "height", "content")
        return dataset.with_columns({name: found[name].array for name in columns})

    def pictures(self, dataset: Dataset) -> "StoredPictures | LivePictures":
        """Return the pictures of a dataset by their position in it.

        Raises:
            UsageError: Some of the pictures were rejected.
        """
        locators = list(dataset.table["locator"])
        entries = [self.entries[locator] for locator in locators]
        if rejected := [entry for entry in entries if entry.status != OK]:
            raise UsageError(
                f"{len(rejected)} of these pictures have no pixels.",
                expected="pictures with the status 'ok'",
                received=f"{rejected[0].locator}: {rejected[0].status}",
                remedy="drop these pictures: dataset = store.describe(dataset), then "
                "dataset.where(dataset.table['status'] == 'ok')",
            )
        if self.pixels is None:
            return LivePictures(dataset.source, locators, self.preprocessing)
        return StoredPictures(self.pixels, np.asarray([entry.row for entry in entries], np.int64))


@dataclass(frozen=True)
class StoredPictures:
    """The pictures of a dataset in a store, by position.

    Attributes:
        pixels: The store's pixels.
        rows: The row of each picture in `pixels`, int64, shape `(n,)`.
        dropped: Always empty, because stored pictures stay readable.
    """

    pixels: Pixels = field(repr=False)
    rows: NDArray[np.int64]
    dropped: Mapping[str, RejectedPicture] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one picture: (height, width, channels)."""
        height, width, channels = self.pixels.shape[1:]
        return height, width, channels

    def read(self, positions: NDArray[np.intp]) -> tuple[Pixels, NDArray[np.bool_]]:
        """Return copies of these pictures, uint8 (m, height, width, channels), and a true mask."""
        return self.pixels[self.rows[positions]], np.ones(len(positions), np.bool_)


@dataclass(frozen=True)
class Identity:
    """Everything that decides the pixels in a store, apart from the pictures' bytes.

    Attributes:
        source: The source of the pictures.
        preprocessing: Their preprocessing.
        keeps_pixels: Whether the store holds pixels, or the index only.
    """

    source: Source
    preprocessing: Preprocessing
    keeps_pixels: bool = True

    def record(self) -> dict[str, Any]:
        """Return the identity as in `store.json`, with the versions of schema and decoders."""
        return {
            "schema": SCHEMA,
            "decoders": decoder_versions(),
            "preprocessing": self.preprocessing.model_dump(mode="json"),
            "source": self.source.origin.record(),
            "keeps_pixels": self.keeps_pixels,
        }

    def folder(self) -> Path:
        """Return the store's folder in the user's cache, the same for all versions."""
        address = self.record()
        for name in ("schema", "decoders"):
            del address[name]
        del address["preprocessing"]["pixels_version"]
        key = hashlib.blake2b(json.dumps(address, sort_keys=True).encode(), digest_size=8)
        name = Path(str(self.source.origin)).resolve().name[:40]
        return stores_folder() / f"{name}-{key.hexdigest()}"


def stores_folder() -> Path:
    """Return the folder of all stores in the user's cache."""
    return cache_folder() / "stores"


def load(folder: Path, wanted: Identity) -> Store | None:
    """Read the store in this folder, without pictures whose pixels fail their checksum.

    Returns:
        None where there is no store, or one of another version or with inconsistent files.
    """
    try:
        header = json.loads((folder / "store.json").read_text(encoding="utf-8"))
        data = (folder / header["index"]).read_bytes()
        if header["identity"] != wanted.record() or header["index_checksum"] != file_checksum(data):
            return None
        index = pd.read_parquet(io.BytesIO(data))
        entries = [Entry(*row) for row in index[list(Entry._fields)].itertuples(index=False)]
        pixels = _map_pixels(folder / header["pixels"], header["rows"], wanted.preprocessing)
    except (OSError, ValueError, KeyError, TypeError):  # a damaged store is built again
        return None
    intact = {entry.locator: entry for entry in _intact(pixels, entries)}
    return Store(folder, pixels if wanted.keeps_pixels else None, intact, wanted.preprocessing)


def _map_pixels(path: Path, rows: int, preprocessing: Preprocessing) -> Pixels:
    shape = (rows, *preprocessing.shape)
    if path.stat().st_size != math.prod(shape):
        raise ValueError("the file of pixels has another size")
    if rows == 0:  # an empty file cannot be mapped
        return np.empty(shape, np.uint8)
    return np.memmap(path, np.uint8, "r", shape=shape)


def checksum(pixels: Pixels) -> int:
    """Return the XXH3 hash of one picture's pixels."""
    return xxhash.xxh3_64_intdigest(np.ascontiguousarray(pixels).data)


def file_checksum(data: bytes) -> str:
    """Return the XXH3 hash of a file's bytes, in hexadecimal."""
    return xxhash.xxh3_64_hexdigest(data)


def _intact(pixels: Pixels, entries: list[Entry]) -> Iterator[Entry]:
    def is_intact(entry: Entry) -> bool:
        if entry.row == NO_PIXELS:
            return True
        return 0 <= entry.row < len(pixels) and checksum(pixels[entry.row]) == entry.checksum

    blocks = (entries[start : start + 64] for start in range(0, len(entries), 64))
    for intact in map_ahead(lambda block: list(filter(is_intact, block)), blocks, workers=cores()):
        yield from intact
