"""The stores in the user's cache: list and clear them."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from viewfinder.core.files import cache_folder
from viewfinder.data.store.layout import stores_folder

# Folders of downloads.
_DOWNLOADS = ("datasets", "weights")


@dataclass(frozen=True)
class StoreOnDisk:
    """A store in the cache.

    Attributes:
        folder: The path.
        source: The source of the pictures; "" for a damaged store.
        size: Height and width of the pictures, as "150 × 150"; "" for a damaged store.
        pictures: The number of pictures with pixels.
        bytes: The disk space.
        written: The time of the last update.
    """

    folder: Path
    source: str
    size: str
    pictures: int
    bytes: int
    written: datetime

    def to_json(self) -> dict[str, Any]:
        """Return the record as `--json` prints it; see docs/formats.md."""
        written = self.written.isoformat(timespec="seconds")
        return {**asdict(self), "folder": str(self.folder), "written": written}


def list_stores() -> Iterator[StoreOnDisk]:
    """Yield all stores by name."""
    if not stores_folder().is_dir():
        return
    for folder in sorted(path for path in stores_folder().iterdir() if path.is_dir()):
        used = sum(path.stat().st_size for path in folder.iterdir())
        written = datetime.fromtimestamp(folder.stat().st_mtime).astimezone()
        try:
            header = json.loads((folder / "store.json").read_text(encoding="utf-8"))
            record = header["identity"]["source"]
            source = str(record.get("path") or record["kind"])
            form = header["identity"]["preprocessing"]
            size, count = f"{form['height']} × {form['width']}", int(header["rows"])
            yield StoreOnDisk(folder, source, size, count, used, written)
        except (OSError, ValueError, KeyError, TypeError):
            yield StoreOnDisk(folder, "", "", 0, used, written)


def bytes_beside() -> int:
    """Return the bytes of everything else in the cache that is not a download."""
    return sum(_used(folder) for folder in _made_folders() if folder != stores_folder())


def clear_cache() -> int:
    """Remove everything except downloads from the cache, and return the freed bytes.

    A training that reads a store keeps its open files, on systems that allow it.
    """
    freed = 0
    for folder in _made_folders():
        freed += _used(folder)
        shutil.rmtree(folder, ignore_errors=True)
    return freed


def _made_folders() -> list[Path]:
    if not cache_folder().is_dir():
        return []
    folders = [path for path in cache_folder().iterdir() if path.is_dir()]
    return [folder for folder in folders if folder.name not in _DOWNLOADS]


def _used(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
