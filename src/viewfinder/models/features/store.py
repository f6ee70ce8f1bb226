"""Features on disk, so that none is computed twice.

A store is a folder, one for each identity (network, weights, cut, pooling, preprocessing):

    features.json     the identity, in full
    rows-….npy        records: the hash of a picture's content, the view, a checksum, the features

Pictures are identified by their content, so all datasets and runs share a store, and a moved or
renamed file is not computed again. Files are written atomically, every few seconds, under unique
names: a killed process loses a few seconds of work, and several processes may write at once. A row
that fails its checksum counts as missing; an unreadable file is removed.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4
from zipfile import BadZipFile

import numpy as np
import xxhash
from numpy.typing import NDArray

from viewfinder.core.files import cache_folder, write_json, written_whole

Matrix = NDArray[np.float32]

# The key of a row: the hash of the picture's content, and the number of the view.
Key = tuple[str, int]

# Raised when the meaning of the files changes.
SCHEMA = 1

_HASH_LENGTH = 32


@dataclass(frozen=True)
class Row:
    """A row of a memory-mapped file."""

    records: NDArray[Any]
    number: int


class FeatureStore:
    """The stored features of one identity, read from disk on request.

    Args:
        identity: Everything that decides the features, apart from the pictures; must fit JSON.
        name: The start of the folder's name, such as the network's name.
    """

    def __init__(self, identity: Mapping[str, Any], name: str) -> None:
        self.identity = {"schema": SCHEMA, **identity}
        key = hashlib.blake2b(json.dumps(self.identity, sort_keys=True).encode(), digest_size=8)
        self.folder = features_folder() / f"{name[:40]}-{key.hexdigest()}"
        self._rows: dict[Key, Row] = {}
        for path in sorted(self.folder.glob("rows-*.npy")):
            self._take(path)

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, keys: Sequence[Key]) -> tuple[Matrix | None, NDArray[np.bool_]]:
        """Return the stored features of these keys.

        Returns:
            float32, shape (known, d), or None if none is stored; and the mask of the stored keys,
            bool, shape `(n,)`.
        """
        known = np.zeros(len(keys), np.bool_)
        found = []
        for index, key in enumerate(keys):
            row = self._rows.get(key)
            if row is None:
                continue
            record = row.records[row.number]
            if (
                _checksum(record["content"], record["view"], record["features"])
                != record["checksum"]
            ):
                del self._rows[key]
                continue
            known[index] = True
            found.append(record["features"])
        return (np.stack(found) if found else None), known

    def add(self, keys: Sequence[Key], features: Matrix) -> None:
        """Store features, shape (n, d), under these keys.

        Raises:
            OutputError: The cache cannot be written.
        """
        if not (self.folder / "features.json").exists():
            write_json(self.folder / "features.json", self.identity)
        records = np.zeros(len(keys), _record_type(features.shape[1]))
        records["content"] = [content for content, _ in keys]
        records["view"] = [view for _, view in keys]
        records["features"] = features
        for record in records:
            record["checksum"] = _checksum(record["content"], record["view"], record["features"])
        path = self.folder / f"rows-{uuid4().hex}.npy"
        with written_whole(path) as temporary:
            np.save(temporary, records)
        self._take(path)

    def _take(self, path: Path) -> None:
        """Index a file's rows; the features stay on disk."""
        try:
            records = np.load(path, mmap_mode="r")
            contents, views = records["content"].tolist(), records["view"].tolist()
            records["features"], records["checksum"]  # raises for a file of other records
        except (OSError, ValueError, IndexError, EOFError, BadZipFile):
            path.unlink(missing_ok=True)
            return
        for number, key in enumerate(zip(contents, views, strict=True)):
            self._rows[key[0].decode("ascii", "replace"), key[1]] = Row(records, number)


@dataclass(frozen=True)
class FeaturesOnDisk:
    """A store of features in the cache.

    Attributes:
        folder: The path.
        base: The name of the base; "" for a damaged store.
        rows: The number of rows, one per picture and view.
        bytes: The disk space.
    """

    folder: Path
    base: str
    rows: int
    bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return the record as `--json` prints it; see docs/formats.md."""
        return {**asdict(self), "folder": str(self.folder)}


def list_features() -> Iterator[FeaturesOnDisk]:
    """Yield all stores of features, by name."""
    if not features_folder().is_dir():
        return
    for folder in sorted(path for path in features_folder().iterdir() if path.is_dir()):
        files = list(folder.glob("rows-*.npy"))
        used = sum(path.stat().st_size for path in folder.iterdir())
        try:
            identity = json.loads((folder / "features.json").read_text(encoding="utf-8"))
            rows = sum(len(np.load(path, mmap_mode="r")) for path in files)
            yield FeaturesOnDisk(folder, str(identity["base"]), rows, used)
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
            yield FeaturesOnDisk(folder, "", 0, used)


def features_folder() -> Path:
    """Return the folder of all features, in the user's cache."""
    return cache_folder() / "features"


def _record_type(width: int) -> np.dtype[Any]:
    return np.dtype(
        [
            ("content", f"S{_HASH_LENGTH}"),
            ("view", "<u4"),
            ("checksum", "<u8"),
            ("features", "<f4", (width,)),
        ]
    )


def _checksum(content: bytes, view: int, features: Matrix) -> int:
    """Return the XXH3 hash of a row and its key, so that a wrong key is detected, too."""
    digest = xxhash.xxh3_64(bytes(content))
    digest.update(int(view).to_bytes(4, "little"))
    digest.update(np.ascontiguousarray(features).data)
    return digest.intdigest()
