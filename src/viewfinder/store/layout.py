"""What a store's files are, and how they are read.

A store is a folder, one for each (source, preprocessing):

    store.json          what the store is, and the names of the two files below
    pixels-….u8         (rows, height, width, channels) uint8, one picture after the other
    index-….parquet     a row a picture: locator, stamp, content hash, row of pixels, checksum,
                        or the reason why it has no pixels; its own checksum is in store.json
    lock                held while the store is written

A change writes new files under new names and then replaces `store.json`: a reader sees the old
store or the new one, and a build that is killed leaves the old one in place.
"""

import hashlib
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xxhash
from numpy.typing import NDArray

from viewfinder.core.errors import RejectedPicture, UsageError
from viewfinder.core.files import cache_folder
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.data.dataset import Dataset
from viewfinder.data.source import Source
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.store.live import LivePictures

Pixels = NDArray[np.uint8]

OK = "ok"
NO_PIXELS = -1

# Raised when the files of a store change their meaning.
SCHEMA = 1
_DECODERS = ("pillow", "simplejpeg", "opencv-python-headless")


class Entry(NamedTuple):
    """A row of the index: what is known of one picture."""

    locator: str
    size: int
    modified_ns: int
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
        folder: Where the store is.
        pixels: Memory-mapped, uint8, shape (rows, height, width, channels); None where the store
            was to be larger than its budget, and holds the index only.
        entries: What is known of each picture, by locator.
        preprocessing: What the pixels are.
    """

    folder: Path
    pixels: Pixels | None
    entries: dict[str, Entry]
    preprocessing: Preprocessing

    def describe(self, dataset: Dataset) -> Dataset:
        """The dataset with what reading its pictures has shown: status, detail, size, content."""
        found = pd.DataFrame(
            [self.entries[locator] for locator in dataset.table["locator"]], columns=Entry._fields
        )
        columns = ("status", "detail", "width", "height", "content")
        return dataset.with_columns({name: found[name].array for name in columns})

    def pictures(self, dataset: Dataset) -> "StoredPictures | LivePictures":
        """The dataset's pictures by their position in it.

        Raises:
            UsageError: Some of them were rejected.
        """
        locators = list(dataset.table["locator"])
        entries = [self.entries[locator] for locator in locators]
        if rejected := [entry for entry in entries if entry.status != OK]:
            raise UsageError(
                f"{len(rejected)} of these pictures have no pixels.",
                expected="pictures with the status 'ok'",
                received=f"{rejected[0].locator}: {rejected[0].status}",
                remedy="leave them out: dataset = store.describe(dataset), then "
                "dataset.where(dataset.table['status'] == 'ok')",
            )
        if self.pixels is None:
            return LivePictures(dataset.source, locators, self.preprocessing)
        return StoredPictures(self.pixels, np.asarray([entry.row for entry in entries], np.int64))


@dataclass(frozen=True)
class StoredPictures:
    """The pictures of a dataset in a store, reachable by position.

    Attributes:
        pixels: The store's pixels.
        rows: The row of each picture in them, int64, shape `(n,)`.
        dropped: Always empty: what is in the store stays readable.
    """

    pixels: Pixels
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
        """Copies of these pictures, uint8 (m, height, width, channels); none is ever missing."""
        return self.pixels[self.rows[positions]], np.ones(len(positions), np.bool_)


@dataclass(frozen=True)
class Identity:
    """All that decides what the pixels in a store are, apart from the pictures' own bytes.

    Attributes:
        source: Where the pictures come from.
        preprocessing: What is made of them.
        keeps_pixels: Whether the pixels are kept, or the index only.
    """

    source: Source
    preprocessing: Preprocessing
    keeps_pixels: bool = True

    def record(self) -> dict[str, Any]:
        """The identity as it stands in `store.json`, with all versions that matter."""
        return {
            "schema": SCHEMA,
            "decoders": decoder_versions(),
            "preprocessing": self.preprocessing.model_dump(mode="json"),
            "source": self.source.origin.record(),
            "keeps_pixels": self.keeps_pixels,
        }

    def folder(self) -> Path:
        """The store's folder in the user's cache: the same for all versions, which replace it."""
        address = self.record()
        for name in ("schema", "decoders"):
            del address[name]
        del address["preprocessing"]["pixels_version"]
        key = hashlib.blake2b(json.dumps(address, sort_keys=True).encode(), digest_size=8)
        name = Path(str(self.source.origin)).resolve().name[:40]
        return stores_folder() / f"{name}-{key.hexdigest()}"


def decoder_versions() -> dict[str, str]:
    """The versions of what decodes pictures: another one may give other pixels."""
    return {name: version(name) for name in _DECODERS}


def stores_folder() -> Path:
    """The folder of all stores, in the user's cache."""
    return cache_folder() / "stores"


def load(folder: Path, wanted: Identity) -> Store | None:
    """The store in this folder, without the pictures whose pixels fail their checksum.

    Returns:
        None where there is no store, it is another version's, or its files do not fit together.
    """
    try:
        header = json.loads((folder / "store.json").read_text(encoding="utf-8"))
        data = (folder / header["index"]).read_bytes()
        if header["identity"] != wanted.record() or header["index_checksum"] != file_checksum(data):
            return None
        index = pd.read_parquet(io.BytesIO(data))
        entries = [Entry(*row) for row in index[list(Entry._fields)].itertuples(index=False)]
        pixels = _map_pixels(folder / header["pixels"], header["rows"], wanted.preprocessing)
    except (OSError, ValueError, KeyError, TypeError):  # whatever is wrong, it is built again
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
    """XXH3 of one picture's pixels."""
    return xxhash.xxh3_64_intdigest(np.ascontiguousarray(pixels).data)


def file_checksum(data: bytes) -> str:
    """XXH3 of a file's bytes, in hexadecimal."""
    return xxhash.xxh3_64_hexdigest(data)


def _intact(pixels: Pixels, entries: list[Entry]) -> Iterator[Entry]:
    def is_intact(entry: Entry) -> bool:
        if entry.row == NO_PIXELS:
            return True
        return 0 <= entry.row < len(pixels) and checksum(pixels[entry.row]) == entry.checksum

    blocks = [entries[start : start + 64] for start in range(0, len(entries), 64)]
    for block, intact in zip(
        blocks,
        map_ahead(lambda block: [is_intact(entry) for entry in block], blocks, workers=cores()),
        strict=True,
    ):
        yield from (entry for entry, good in zip(block, intact, strict=True) if good)
