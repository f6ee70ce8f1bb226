"""Folders of pictures and datasets without files, for the tests of what works on them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from viewfinder.core.errors import Reason, RejectedPicture
from viewfinder.data.dataset import UNSPLIT, Dataset, sorted_classes
from viewfinder.data.source import Source, Stamp


def noise(seed: int, height: int = 9, width: int = 12) -> np.ndarray:
    """A picture like no other, uint8 RGB."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write_picture(path: Path, seed: int = 0, height: int = 9, width: int = 12) -> Path:
    """Write a picture whose pixels are `noise(seed)` where the format allows it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(seed, height, width)).save(path)
    return path


def write_classes(root: Path, counts: Mapping[str, int]) -> Path:
    """Write so many PNGs into each folder below the root; all are different."""
    seed = 0
    for folder, count in counts.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            write_picture(root / folder / f"{number}.png", seed)
            seed += 1
    return root


def write_files(root: Path, *paths: str) -> Path:
    """Write files that only have a name; listing never looks inside."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())
    return root


def fail_at(patch: pytest.MonkeyPatch, name: str, error: BaseException) -> None:
    """Let no file of this name be written from now on."""
    opening = Path.open

    def opened(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if path.name == name and "r" not in mode:
            raise error
        return opening(path, mode, *rest, **more)

    patch.setattr(Path, "open", opened)


def snapshot(root: Path) -> dict[bytes, Any]:
    """Names, kinds, sizes, times and contents of everything below a folder."""
    found: dict[bytes, Any] = {}
    for folder, folders, files in os.walk(os.fsencode(root)):
        for path in [folder, *(os.path.join(folder, name) for name in folders + files)]:  # noqa: PTH118
            status = os.lstat(path)
            content = b""
            if os.path.islink(path):  # noqa: PTH114
                content = os.readlink(path)  # noqa: PTH115
            elif os.path.isfile(path):  # noqa: PTH113
                content = Path(os.fsdecode(path)).read_bytes()
            found[path] = (status.st_mode, status.st_size, status.st_mtime_ns, content)
    return found


@dataclass(frozen=True)
class NoFiles(Source):
    """A source that has nothing: for what only looks at a dataset's table."""

    def read(self, locator: str) -> bytes:
        raise RejectedPicture(Reason.MISSING, f"there never was a {locator}")

    def stamp(self, locator: str) -> Stamp:
        raise RejectedPicture(Reason.MISSING, f"there never was a {locator}")

    def record(self) -> dict[str, Any]:
        return {"kind": "none"}

    def __str__(self) -> str:
        return "nowhere"


def table_only(counts: Mapping[str, int] | Mapping[tuple[str, str], int]) -> Dataset:
    """A dataset with so many rows of each class, or of each (split, class)."""
    rows = []
    for key, count in counts.items():
        split, label = key if isinstance(key, tuple) else (UNSPLIT, key)
        folder = f"{split}/{label}" if split else label
        rows += [(f"{folder}/{number}.png", label, split, 100) for number in range(count)]
    table = pd.DataFrame(rows, columns=["locator", "label", "split", "bytes"])
    table = table.astype({"locator": "str", "label": "str", "split": "str"})
    table = table.sort_values("locator", ignore_index=True)
    return Dataset(NoFiles(), table, sorted_classes(set(table["label"])))


def files_below(folder: Path) -> set[str]:
    """Where every file is, counted from the folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
