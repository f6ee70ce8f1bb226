"""A dataset as class folders, for tools that know nothing else: hard links where they can be."""

import os
import re
import shutil
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import OutputError, RejectedPicture, UsageError
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import UNSPLIT, Dataset
from viewfinder.data.saved.place import require_outside
from viewfinder.data.source import Source
from viewfinder.data.sources.layout import is_system_name, split_named

# What Windows takes for devices, whatever their ending.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_LONGEST_BYTES = 200


@dataclass
class Materialized:
    """What was written.

    Attributes:
        folder: Where.
        linked: How many pictures are hard links to the originals.
        copied: How many are copies, by the reason.
        missing: Locators of pictures that could not be read, and are not there.
        renamed: The folders of classes whose names no folder can have.
    """

    folder: Path
    linked: int = 0
    copied: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)

    @property
    def written(self) -> int:
        """How many pictures are there."""
        return self.linked + self.copied.total()

    def to_json(self) -> dict[str, Any]:
        """The document that `viewfinder materialize --json` prints; see docs/formats.md."""
        return {
            "folder": str(self.folder),
            "pictures": self.written,
            "linked": self.linked,
            "copied": dict(self.copied),
            "missing": self.missing,
            "renamed": self.renamed,
        }


def materialize(
    dataset: Dataset,
    folder: str | Path,
    *,
    copy: bool = False,
    progress: Progress | None = None,
) -> Materialized:
    """Write a dataset out as `class/…`, or `split/class/…` where it is split.

    A hard link is a second name of the same file: it takes no space, and who writes into one writes
    into the other. Members of archives are copied, and rows of arrays become PNG files. Names that
    meet in one folder get a number, in the order of their locators.

    Args:
        dataset: The dataset; broken pictures are written as they are.
        folder: Where; it must not exist, or be empty. It appears when it is complete.
        copy: Copy all pictures.
        progress: Shows how far it is.

    Raises:
        UsageError: Only a part of the pictures has a split.
        OutputError: The folder is not empty, is inside of the pictures' folder, or cannot be
            written. Nothing is left.
    """
    folder = Path(folder)
    _require_empty(folder)
    require_outside(dataset, folder)
    if UNSPLIT in (sizes := set(dataset.table["split"])) and len(sizes) > 1:
        raise UsageError(
            "Only a part of the pictures has a split.",
            expected="all of them or none",
            remedy="place them first: `viewfinder split`",
        )
    temporary = folder.with_name(f".materializing-{uuid4().hex}")
    done = Materialized(folder)
    names = _targets(dataset, done)
    try:
        temporary.mkdir(parents=True)
        pairs = zip(dataset.table["locator"], names, strict=True)
        told = progress or Progress(0)
        for locator, name in told.track(pairs, f"Writing {folder}", len(dataset)):
            _write(dataset.source, locator, temporary / name, done, copy=copy)
        if folder.exists():
            folder.rmdir()
        temporary.rename(folder)
    except OSError as error:
        raise OutputError(
            f"Cannot write {folder}: {error.strerror or error}.",
            remedy="choose another place with --output, or free some space",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return done


def _require_empty(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise OutputError(
            f"{folder} is not empty.",
            expected="a folder that does not exist yet, or is empty",
            remedy="choose another place with --output",
        )


def _targets(dataset: Dataset, done: Materialized) -> list[str]:
    """Where each picture goes, below the folder."""
    is_split = dataset.is_split
    folders = _class_folders(dataset.classes, beside_splits=not is_split)
    done.renamed.update({name: safe for name, safe in folders.items() if safe != name})
    taken: set[tuple[str, str]] = set()
    targets: list[str] = []
    table = dataset.table
    for locator, label, split in zip(table["locator"], table["label"], table["split"], strict=True):
        place = f"{split}/{folders[label]}" if is_split else folders[label]
        name = _unused(_file_name(locator), place, taken)
        targets.append(f"{place}/{name}")
    return targets


def _class_folders(classes: tuple[str, ...], *, beside_splits: bool) -> dict[str, str]:
    """A folder's name for each class, all different even where case does not count."""
    taken: set[tuple[str, str]] = set()
    folders: dict[str, str] = {}
    # Names that can stay as they are come first, so that they do.
    for name in sorted(classes, key=lambda name: _safe(name) != name):
        # Folders that are all called as splits are would be read as splits.
        safe = f"class {name}" if beside_splits and split_named(name) else _safe(name)
        folders[name] = _unused(safe, "", taken)
    return folders


def _file_name(locator: str) -> str:
    if "#" in locator and not PurePosixPath(locator).suffix:  # a row of an array
        split, _, row = locator.rpartition("#")
        if row.isdecimal() and "/" not in split:
            return f"{int(row):06}.png"
    return _safe(PurePosixPath(locator.replace("\\", "/")).name)


def _unused(name: str, place: str, taken: set[tuple[str, str]]) -> str:
    """The name, with a number where the place has it already, whatever its case."""
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    number = 1
    while (key := (place, unicodedata.normalize("NFC", name).casefold())) in taken:
        number += 1
        name = f"{stem}-{number}{dot}{ending}"
    taken.add(key)
    return name


def _safe(name: str) -> str:
    """The nearest name that a file or folder can have on any system."""
    safe = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*]', "_", name)
    while len(safe.encode()) > _LONGEST_BYTES:
        middle = len(safe) // 2  # so that the ending stays
        safe = safe[: middle - 1] + safe[middle:]
    if safe.endswith((".", " ")) or not safe:
        safe = safe.rstrip(". ") + "_"
    if is_system_name(safe) or _DEVICES.match(safe):
        safe = f"_{safe}"
    return safe


def _write(source: Source, locator: str, target: Path, done: Materialized, *, copy: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        why = "as asked" if copy else _link(source, locator, target)
        if why is None:
            done.linked += 1
        else:
            _copy(source.read(locator), target)
            done.copied[why] += 1
    except RejectedPicture:
        done.missing.append(locator)


def _link(source: Source, locator: str, target: Path) -> str | None:
    """Make a hard link to the picture's file; or say why that cannot be."""
    original = source.file_of(locator)
    if original is None:
        return "no files of their own"
    try:
        os.link(original.resolve(), target)
    except (OSError, ValueError, RuntimeError) as error:  # reading it will say it better
        return f"no hard link is possible: {getattr(error, 'strerror', None) or error}"
    return None


def _copy(picture: bytes | NDArray[np.uint8], target: Path) -> None:
    if isinstance(picture, bytes):
        target.write_bytes(picture)
        return
    from PIL import Image

    Image.fromarray(np.ascontiguousarray(picture)).save(target, "PNG")
