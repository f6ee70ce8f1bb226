"""What the paths of files tell: classes, splits, wrappers around them, and what is no picture.

Shared by folders and archives: it looks at paths and sizes, never at a disk.
"""

import os
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from viewfinder.core.errors import DataError, UsageError
from viewfinder.data.dataset import UNLABELLED, UNSPLIT, PassedOver

_SYSTEM_NAMES = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin"})

# Split names as people write them, once "set", "data", "images" and punctuation are taken off.
_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "validate": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}

# A folder that holds nothing but one folder is a wrapper, as unpacked archives make them.
MOST_WRAPPERS = 3

HIDDEN = "hidden or a system file"
NOT_UNICODE = "its name is not Unicode"


class File(NamedTuple):
    """A file, with its path below the root as parts."""

    parts: tuple[str, ...]
    bytes: int


class Labelled(NamedTuple):
    """A file with its label and its split ("" where nothing tells it)."""

    file: File
    label: str
    split: str


@dataclass
class Listing:
    """Everything at a place that may be a picture, and what certainly is none."""

    files: list[File] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)

    def pass_over(self, parts: tuple[str, ...], why: str) -> None:
        """Note a file or folder that is no part of the dataset."""
        self.passed_over.append(PassedOver(shown("/".join(parts)), why))


def shown(name: str) -> str:
    """The name as any table can hold it."""
    return name.encode(errors="backslashreplace").decode()


def is_unicode(name: str) -> bool:
    """False for names in bytes that are no UTF-8: no table could hold them."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def leads_out(locator: str) -> bool:
    """Whether a locator is an absolute path, or leads out of the folder that it is relative to."""
    if os.name == "nt":
        locator = locator.replace("\\", "/")
        if re.match("[A-Za-z]:", locator):
            return True
    return locator.startswith("/") or (".." in locator and ".." in locator.split("/"))


def is_system_name(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or the system's own."""
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def split_named(name: str) -> str | None:
    """The split that a folder's name stands for, or None: `Valid`, `training_set`, `test-data`."""
    letters = re.sub(r"[^a-z]", "", name.lower())
    return _SPLIT_NAMES.get(re.sub(r"(set|data|images|imgs|pictures)+$", "", letters))


def split_in_name(stem: str) -> str | None:
    """The split that a word of a file's name stands for, or None: `sign_mnist_train`, `t10k`."""
    if re.search(r"t10k", stem):
        return "test"
    found = {split_named(word) for word in re.split(r"[^A-Za-z]+", stem)} - {None}
    return found.pop() if len(found) == 1 else None


def label_files(
    listing: Listing,
    place: str,
    *,
    label_from: str | None = None,
    holder: str = "folder",
    needs_labels: bool = True,
) -> tuple[list[Labelled], list[str]]:
    """The files that have a label, and notes on the layout; the others are passed over.

    Args:
        listing: The files; what has no label is noted in it.
        place: The folder or archive, for messages.
        label_from: A regular expression that finds the label in a file's name.
        holder: What the place is, for messages: "folder" or "archive".
        needs_labels: Whether files without class folders are refused.

    Raises:
        DataError: No pictures, or no class folders.
        UsageError: `label_from` is no regular expression with a group, or matches no file.
    """
    if not listing.files:
        reasons = sorted({one.why for one in listing.passed_over})
        raise DataError(
            f"{place} holds no pictures.",
            expected="a folder with a folder of pictures for each class",
            received=f"nothing but: {', '.join(reasons)}" if reasons else f"an empty {holder}",
        )
    listing.files.sort()
    wrapper = _wrapper(listing.files)
    if label_from is not None:
        return _label_by_name(listing, label_from, len(wrapper)), []
    if not needs_labels and not _has_class_folders(listing.files, len(wrapper)):
        note = "There are no class folders: the pictures have no labels."
        return _without_labels(listing.files, len(wrapper)), [note]
    rows, notes = _label_by_folder("/".join((place, *wrapper)), listing, depth=len(wrapper))
    if wrapper:
        notes.insert(0, f"The classes were found in {'/'.join(wrapper)}/.")
    return rows, notes


def _wrapper(files: list[File]) -> tuple[str, ...]:
    """The folders around the dataset that hold nothing but one folder of folders."""
    wrapper: tuple[str, ...] = ()
    for depth in range(MOST_WRAPPERS):
        tops = {file.parts[depth] for file in files if len(file.parts) > depth + 1}
        has_inner_folders = any(len(file.parts) > depth + 2 for file in files)
        if len(tops) != 1 or not has_inner_folders:
            break
        wrapper = (*wrapper, tops.pop())
    return wrapper


def _label_by_folder(place: str, listing: Listing, depth: int) -> tuple[list[Labelled], list[str]]:
    splits = _split_folders(listing.files, depth)
    class_depth = depth + 1 if splits else depth
    rows: list[Labelled] = []
    notes: list[str] = []
    for file in listing.files:
        if len(file.parts) <= class_depth + 1:
            why = "not inside a class folder"
        elif splits and file.parts[depth] not in splits:
            why = "not inside a split folder"
        else:
            split = splits[file.parts[depth]] if splits else UNSPLIT
            rows.append(Labelled(file, file.parts[class_depth], split))
            continue
        listing.pass_over(file.parts, why)
    found = sorted({row.label for row in rows})
    if not _has_class_folders(listing.files, depth):
        inside = f" in {', '.join(found)}" if found else ""
        raise DataError(
            f"{place} has pictures but no class folders{inside}.",
            expected="a folder for each class, such as cats/ and dogs/",
            received=f"{len(rows) or len(listing.files)} files side by side",
            remedy="if the names tell the label, say how: --label-from '([a-z]+)'; "
            "if a table tells it, open that table: labels.csv; "
            "`viewfinder audit` looks at pictures without labels, too",
        )
    renamed = [f"{name}/ is {split}" for name, split in splits.items() if name != split]
    if renamed:
        notes.append(f"Splits: {', '.join(renamed)}.")
    return rows, notes


def _has_class_folders(files: list[File], depth: int) -> bool:
    """Whether folders at this depth, or in folders of splits, are classes.

    Flat `train/` and `test/` would otherwise be taken for two classes.
    """
    folders = {file.parts[depth] for file in files if len(file.parts) > depth + 1}
    return bool(_split_folders(files, depth)) or not all(map(split_named, folders))


def _without_labels(files: list[File], depth: int) -> list[Labelled]:
    """All files; their splits where folders of splits hold all of them."""
    tops = [file.parts[depth] if len(file.parts) > depth + 1 else "" for file in files]
    splits = [split_named(top) for top in tops]
    are_split = all(splits)
    return [
        Labelled(file, UNLABELLED, split if split and are_split else UNSPLIT)
        for file, split in zip(files, splits, strict=True)
    ]


def _split_folders(files: list[File], depth: int) -> dict[str, str]:
    """Folder names at this depth that are splits; empty where the folders are classes.

    A folder called `train` may be a class of vehicles: it is a split only if it holds folders.
    """
    holding_folders = {file.parts[depth] for file in files if len(file.parts) > depth + 2}
    splits = {name: split for name in sorted(holding_folders) if (split := split_named(name))}
    return splits if "train" in splits.values() else {}


def _label_by_name(listing: Listing, label_from: str, depth: int) -> list[Labelled]:
    example = "a group around the label, such as '([a-z]+)\\.'"
    pattern = read_pattern("--label-from", label_from, example)
    group: str | int = "label" if "label" in pattern.groupindex else 1
    rows: list[Labelled] = []
    for file in listing.files:
        match = search(pattern, "/".join(file.parts))
        if match and match[group]:
            split = split_named(file.parts[depth]) if len(file.parts) > depth + 1 else None
            rows.append(Labelled(file, match[group], split or UNSPLIT))
        else:
            listing.pass_over(file.parts, "--label-from finds no label")
    if not rows:
        raise UsageError(
            "--label-from finds no label in any file name.",
            expected=f"a match in names such as {'/'.join(listing.files[0].parts)}",
            received=label_from,
        )
    return rows


def read_pattern(option: str, said: str, expected: str) -> re.Pattern[str]:
    """The regular expression that an option gives.

    Args:
        option: Its name, for messages.
        said: The expression.
        expected: What its groups are for, with an example.

    Raises:
        UsageError: It is no regular expression with a group.
    """
    try:
        pattern = re.compile(said)
    except re.error as error:
        raise UsageError(
            f"{option} is no regular expression.", received=said, remedy=str(error)
        ) from error
    if not pattern.groups:
        raise UsageError(f"{option} has no group.", expected=expected, received=said)
    return pattern


def search(pattern: re.Pattern[str], path: str) -> re.Match[str] | None:
    """Where the pattern is found: one with a slash in the path, any other in the file's name."""
    return pattern.search(path if "/" in pattern.pattern else path.rpartition("/")[2])
