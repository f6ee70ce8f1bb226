"""Build or update a store: only new and changed pictures are decoded."""

import json
import math
import shutil
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import numpy as np
import pandas as pd

from viewfinder.core.errors import OutputError, Reason, RejectedPicture
from viewfinder.core.files import locked_in_turn, unwritable, write_json
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import OK, Dataset
from viewfinder.data.source import MISSING, Stamp, content_of
from viewfinder.data.store.layout import (
    NO_PIXELS,
    Entry,
    Identity,
    Pixels,
    Store,
    checksum,
    file_checksum,
    load,
    stores_folder,
)
from viewfinder.pictures.prepare import prepare
from viewfinder.pictures.preprocessing import Preprocessing

_WAITING = "Waiting for another process that reads the same pictures."
_LEFT_FREE_BYTES = 64 << 20


def open_store(
    dataset: Dataset,
    preprocessing: Preprocessing,
    *,
    budget: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Store:
    """Open the store of these pictures, after adding those that it lacks.

    Pictures whose stamp is in the store are not opened again. Of several
    processes, one builds the store while the others wait.

    Args:
        dataset: The pictures. Rejected ones get an entry without pixels.
        preprocessing: The preprocessing of the stored pixels.
        budget: The largest size of the pixels in bytes; by default half of the free disk space. A
            store beyond it holds the index only, and pictures are decoded on every read.
        workers: Threads that decode; by default one per core.
        progress: Shows the reading.

    Raises:
        OutputError: The cache folder cannot be written, or its disk is full.
    """
    progress = progress or Progress(0)
    try:
        stores_folder().mkdir(parents=True, exist_ok=True)
        keeps_pixels = _is_within(budget, dataset, preprocessing, progress)
        wanted = Identity(dataset.source, preprocessing, keeps_pixels)
        folder = wanted.folder()
        folder.mkdir(exist_ok=True)
        progress.detail(f"Store: {folder}")
        with locked_in_turn(folder / "lock", progress, _WAITING):
            known = load(folder, wanted)
            current, pending = _current_and_pending(dataset, known)
            if known is not None and not pending:
                return replace(known, entries=current)
            build = _Build(folder, wanted, known)
            workers = cores() if workers is None else workers
            return build.run(current, pending, workers, progress)
    except (OSError, OutputError) as error:
        what = f"Cannot write the picture store in {stores_folder()}"
        raise unwritable(stores_folder(), error, what=what) from error


def _is_within(
    budget: int | None, dataset: Dataset, preprocessing: Preprocessing, progress: Progress
) -> bool:
    needed = len(dataset) * math.prod(preprocessing.shape)
    if budget is None:
        folder = Identity(dataset.source, preprocessing).folder()
        if (folder / "store.json").exists():  # its disk space is in use already
            return True
        budget = shutil.disk_usage(stores_folder()).free // 2
    if needed > budget:
        progress.say(
            f"The pictures are decoded again in each epoch: a store would take "
            f"{needed / 1e9:.1f} GB, and {budget / 1e9:.1f} GB are allowed."
        )
    return needed <= budget


def _current_and_pending(
    dataset: Dataset, known: Store | None
) -> tuple[dict[str, Entry], list[tuple[str, Stamp]]]:
    """Return the entries that still match the source, and the pictures to read."""
    entries = known.entries if known else {}
    wanted = dict.fromkeys(dataset.table["locator"])
    stamps = {locator: dataset.source.present_stamp(locator) for locator in {**wanted, **entries}}
    current = {
        locator: entry
        for locator, entry in entries.items()
        if (entry.size, entry.mark) == stamps[locator]
    }
    return current, [(locator, stamps[locator]) for locator in wanted if locator not in current]


@dataclass(frozen=True)
class _Build:
    """One update of a store: writes pixels and index under new names, then replaces the header."""

    folder: Path
    wanted: Identity
    known: Store | None

    def run(
        self,
        current: dict[str, Entry],
        pending: list[tuple[str, Stamp]],
        workers: int,
        progress: Progress,
    ) -> Store:
        """Copy the current pictures, read the pending ones, and publish both."""
        _remove_leftovers(self.folder)
        pixels_path = self.folder / f"pixels-{uuid4().hex}.u8"
        try:
            with pixels_path.open("xb") as file:
                rows = _PixelRows(file, self.wanted.preprocessing.shape)
                if self.wanted.keeps_pixels:
                    rows.require_space(len(current) + len(pending))
                copied = [self._copy(entry, rows) for entry in current.values()]
                fresh = self._read_all(pending, rows, workers, progress)
            self._publish(pixels_path, rows.written, [*copied, *fresh])
        finally:  # the files of this build after a failure, else those of the previous store
            _remove_leftovers(self.folder)
        store = load(self.folder, self.wanted)
        if store is None:
            raise OSError("the written files cannot be read back")
        return store

    def _read_all(
        self,
        pending: list[tuple[str, Stamp]],
        rows: "_PixelRows",
        workers: int,
        progress: Progress,
    ) -> list[Entry]:
        entries = self.known.entries.values() if self.known else ()
        by_content = {entry.content: entry for entry in entries if entry.status == OK}

        def read(item: tuple[str, Stamp]) -> Entry:
            return self._read(*item, rows, by_content)

        ahead = map_ahead(read, pending, workers=workers, ahead=8 * workers)
        return list(progress.track(ahead, f"Reading {self.wanted.source}", len(pending)))

    def _read(
        self, locator: str, stamp: Stamp, rows: "_PixelRows", by_content: dict[str, Entry]
    ) -> Entry:
        """Read one picture; called from several threads."""
        content = ""
        try:
            source = self.wanted.source.read(locator)
            content = content_of(source)
            if content in by_content:  # the file was moved or touched; its bytes are known
                moved = by_content[content]._replace(locator=locator, **stamp._asdict())
                return self._copy(moved, rows)
            decoded = prepare(source, self.wanted.preprocessing)
        except RejectedPicture as rejection:
            fault = (rejection.reason.value, rejection.detail)
            if rejection.reason is Reason.MISSING:  # the file may return with its old stamp
                stamp = MISSING
            return Entry(locator, *stamp, content, NO_PIXELS, 0, *fault, 0, 0)
        row, code = NO_PIXELS, 0
        if self.wanted.keeps_pixels:
            row, code = rows.write(decoded.pixels), checksum(decoded.pixels)
        notes = "; ".join(decoded.notes)
        return Entry(locator, *stamp, content, row, code, OK, notes, decoded.width, decoded.height)

    def _copy(self, entry: Entry, rows: "_PixelRows") -> Entry:
        if entry.row == NO_PIXELS or self.known is None or self.known.pixels is None:
            return entry
        return entry._replace(row=rows.write(self.known.pixels[entry.row]))

    def _publish(self, pixels_path: Path, count: int, entries: list[Entry]) -> None:
        index_path = self.folder / f"index-{uuid4().hex}.parquet"
        index = pd.DataFrame(sorted(entries), columns=list(Entry._fields))
        data = index.astype({"checksum": "uint64"}).to_parquet(index=False)
        index_path.write_bytes(data)
        header = {
            "identity": self.wanted.record(),
            "pixels": pixels_path.name,
            "rows": count,
            "index": index_path.name,
            "index_checksum": file_checksum(data),
        }
        write_json(self.folder / "store.json", header)


class _PixelRows:
    """A file of pictures of one shape that several threads append to."""

    def __init__(self, file: BinaryIO, shape: tuple[int, int, int]) -> None:
        self.written = 0
        self._file = file
        self._picture_bytes = math.prod(shape)
        self._lock = threading.Lock()

    def require_space(self, count: int) -> None:
        """Raise `OSError` unless the disk has space for `count` pictures."""
        needed = count * self._picture_bytes + _LEFT_FREE_BYTES
        free = shutil.disk_usage(self._file.name).free
        if free < needed:
            raise OSError(f"it needs {needed / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free")

    def write(self, pixels: Pixels) -> int:
        """Append one picture, or an array of several, and return the row of the first."""
        block = np.ascontiguousarray(pixels)
        with self._lock:
            row = self.written
            self._file.write(block.data)
            self.written += block.size // self._picture_bytes
        return row


def _remove_leftovers(folder: Path) -> None:
    """Remove files that store.json does not name: those of killed builds and previous stores."""
    try:
        header = json.loads((folder / "store.json").read_text(encoding="utf-8"))
        named = {header["pixels"], header["index"]}
    except (OSError, ValueError, KeyError, TypeError):
        named = set()
    for path in folder.iterdir():
        if path.name not in named | {"lock", "store.json"} and not path.is_dir():
            path.unlink(missing_ok=True)
