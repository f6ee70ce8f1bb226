"""Write a dataset as class folders for other tools, by hard links where possible."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import DataError, OutputError, RejectedPicture
from viewfinder.core.files import folder_written_whole, named
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.saved.output import require_outside
from viewfinder.data.source import Source
from viewfinder.data.sources import as_dataset
from viewfinder.data.sources.folder_names import CLASS
from viewfinder.data.sources.listing import File, is_system_name
from viewfinder.data.sources.recognise import recognise
from viewfinder.data.sources.recognise.tree import tree_of
from viewfinder.data.splits.table import with_all_split
from viewfinder.pictures.decode import decode

Content = bytes | NDArray[np.uint8]

# Names of devices on Windows, with any suffix.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_LONGEST_BYTES = 200


@dataclass
class Materialized:
    """The result of `materialize`.

    Attributes:
        folder: The folder written.
        linked: The number of hard links to the originals.
        copied: The number of copies, by the reason.
        rejected: The pictures that are not readable and were not written, and the reasons.
        renamed: The folders of classes whose names are invalid as folders.
        notes: What was done with pictures that have no split beside others that have one.
    """

    folder: Path
    linked: int = 0
    copied: Counter[str] = field(default_factory=Counter)
    rejected: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def written(self) -> int:
        """The number of pictures written."""
        return self.linked + self.copied.total()

    def to_json(self) -> dict[str, Any]:
        """The document that `viewfinder materialize --json` prints; see docs/formats.md."""
        return {
            "folder": str(self.folder),
            "pictures": self.written,
            "linked": self.linked,
            "copied": dict(self.copied),
            "rejected": self.rejected,
            "renamed": self.renamed,
            "notes": list(self.notes),
        }


def materialize(
    dataset: Dataset | str | os.PathLike[str],
    folder: str | Path,
    *,
    copy: bool = False,
    progress: Progress | None = None,
) -> Materialized:
    """Write a dataset as `class/…`, or `split/class/…` if it is split.

    A hard link is a second name of the same file: it takes no space, and writing to one changes the
    other. Members of archives are copied, and rows of arrays become PNG files. Equal names in one
    folder are numbered, in the order of their locators.

    Args:
        dataset: The dataset, or its path. Pictures that training would skip are left out.
        folder: The target; missing or empty. It appears when it is complete.
        copy: Whether to copy all pictures.
        progress: Receives progress.

    Raises:
        DataError: No picture is readable. Nothing is left.
        OutputError: The folder is not empty, is inside the pictures' folder, or cannot be
            written. Nothing is left.
    """
    dataset, folder = as_dataset(dataset), named(folder)
    _require_empty(folder)
    require_outside(dataset, folder)
    table, notes = with_all_split(dataset.table)
    dataset = dataset.with_table(table)
    done = Materialized(folder, notes=notes)
    names = _targets(dataset, done)
    with folder_written_whole(folder) as temporary:
        progress = progress or Progress(0)
        locators = dataset.table["locator"].tolist()
        read = map_ahead(partial(_readable, dataset.source), locators, workers=cores())
        triples = zip(locators, names, read, strict=True)
        for locator, name, content in progress.track(triples, f"Writing {folder}", len(dataset)):
            if isinstance(content, RejectedPicture):
                done.rejected[locator] = f"{content.reason}: {content.detail}"
            else:
                _write(dataset.source, locator, content, temporary / name, done, copy=copy)
        if not done.written:
            raise DataError(
                f"{dataset.source} has no readable picture.",
                received=f"{locators[0]}: {done.rejected[locators[0]]}" if locators else None,
            )
    return done


def _require_empty(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise OutputError(
            f"{folder} is not empty.",
            expected="a folder that does not exist yet, or is empty",
            remedy="choose another `output`",
        )


def _targets(dataset: Dataset, done: Materialized) -> list[str]:
    """Each picture's path below the folder."""
    table, is_split = dataset.table, dataset.is_split
    splits = table["split"]
    pairs = set(zip(splits, table["label"], strict=True))
    folders = _class_folders(dataset.classes)
    if not _is_read_back(folders, pairs):
        folders = _class_folders(dataset.classes, prefix=f"{CLASS} ")
    done.renamed.update({name: safe for name, safe in folders.items() if safe != name})
    taken: set[tuple[str, str]] = set()
    targets: list[str] = []
    for locator, label, split in zip(table["locator"], table["label"], splits, strict=True):
        below = f"{split}/{folders[label]}" if is_split else folders[label]
        name = _unused(_file_name(locator), below, taken)
        targets.append(f"{below}/{name}")
    return targets


def _class_folders(classes: tuple[str, ...], *, prefix: str = "") -> dict[str, str]:
    """A folder's name for each class, all different even if case is ignored."""
    taken: set[tuple[str, str]] = set()
    folders: dict[str, str] = {}
    # Valid names come first, so that they stay unchanged.
    for name in sorted(classes, key=lambda name: _safe(name) != name):
        folders[name] = _unused(_safe(prefix + name), "", taken)
    return folders


def _is_read_back(folders: Mapping[str, str], pairs: Iterable[tuple[str, str]]) -> bool:
    """Whether folders of these classes in these splits are read as such.

    A folder could be read as a split by its name, or pairs of them as parts of one dataset.
    """
    paths = {
        (split, folders[label]): tuple(filter(None, (split, folders[label], "picture.png")))
        for split, label in pairs
    }
    top = tree_of(File(parts, 0) for parts in paths.values())
    try:
        layout = recognise(top, "", None, None)
    except DataError:
        return False
    return layout is not None and all(
        layout.place(parts) == (name, split, "") for (split, name), parts in paths.items()
    )


def _file_name(locator: str) -> str:
    if "#" in locator and not PurePosixPath(locator).suffix:  # a row of an array
        split, _, row = locator.rpartition("#")
        if row.isdecimal() and "/" not in split:
            return f"{int(row):06}.png"
    return _safe(PurePosixPath(locator.replace("\\", "/")).name)


def _unused(name: str, folder: str, taken: set[tuple[str, str]]) -> str:
    """The name, numbered if the folder has it already, ignoring case."""
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    number = 1
    while (key := (folder, unicodedata.normalize("NFC", name).casefold())) in taken:
        number += 1
        name = f"{stem}-{number}{dot}{ending}"
    taken.add(key)
    return name


def _safe(name: str) -> str:
    """The closest name that is valid on any system."""
    safe = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*]', "_", name)
    while len(safe.encode()) > _LONGEST_BYTES:
        middle = len(safe) // 2  # keeps the suffix
        safe = safe[: middle - 1] + safe[middle:]
    if safe.endswith((".", " ")) or not safe:
        safe = safe.rstrip(". ") + "_"
    if is_system_name(safe) or _DEVICES.match(safe):
        safe = f"_{safe}"
    return safe


def _readable(source: Source, locator: str) -> Content | RejectedPicture:
    """The picture's bytes or pixels if it is readable, by the rule of training."""
    try:
        content = source.read(locator)
        if isinstance(content, bytes):
            decode(content, at_least=(1, 1))  # the smallest size gives the same verdict
    except RejectedPicture as rejection:
        return rejection
    return content


def _write(
    source: Source, locator: str, content: Content, target: Path, done: Materialized, *, copy: bool
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    why = "as requested" if copy else _link(source, locator, target)
    if why is None:
        done.linked += 1
    else:
        _copy(content, target)
        done.copied[why] += 1


def _link(source: Source, locator: str, target: Path) -> str | None:
    """Make a hard link to the picture's file; return the reason if that is impossible."""
    original = source.file_of(locator)
    if original is None:
        return "no files of their own"
    try:
        os.link(original.resolve(), target)
    except (OSError, ValueError, RuntimeError) as error:
        return f"no hard link is possible: {getattr(error, 'strerror', None) or error}"
    return None


def _copy(picture: Content, target: Path) -> None:
    if isinstance(picture, bytes):
        target.write_bytes(picture)
        return
    from PIL import Image

    Image.fromarray(np.ascontiguousarray(picture)).save(target, "PNG")
