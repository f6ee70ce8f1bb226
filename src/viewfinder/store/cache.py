"""What stores there are in the user's cache, and how to be rid of them."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from viewfinder.core.files import cache_folder
from viewfinder.store.layout import stores_folder

# Folders of what was downloaded: datasets, and the weights of networks that others have trained.
_DOWNLOADS = ("datasets", "weights")


@dataclass(frozen=True)
class StoreOnDisk:
    """A store in the cache.

    Attributes:
        folder: Where it is.
        source: Where its pictures come from; "" where its files are damaged.
        size: Height and width of its pictures, as "150 × 150"; "" likewise.
        pictures: How many pictures it holds the pixels of.
        bytes: What it takes on the disk.
        written: When it was last brought up to date.
    """

    folder: Path
    source: str
    size: str
    pictures: int
    bytes: int
    written: datetime


def list_stores() -> Iterator[StoreOnDisk]:
    """All stores, by name."""
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
    """What else is in the cache and can be made again: unpacked archives, arrays, audits."""
    return sum(_used(folder) for folder in _made_folders() if folder != stores_folder())


def clear_cache() -> int:
    """Remove all that can be made again and return the bytes that are free again.

    Downloads stay: they cannot be made again. A training that is reading a store keeps what it
    has open, on systems that allow it.
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
