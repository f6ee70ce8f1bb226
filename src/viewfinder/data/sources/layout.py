"""Classes and splits from the paths of files, in folders and archives.

Uses paths and sizes only; reads no file system.
"""

import os
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from viewfinder.core.errors import DataError, UsageError
from viewfinder.data.dataset import UNLABELLED, UNSPLIT, PassedOver

_SYSTEM_NAMES = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin"})

# Usual names of splits, without "set", "data", "images" and punctuation.
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

# The most nested folders with nothing but one folder in them, as unpacked archives have.
MOST_WRAPPERS = 3

HIDDEN = "hidden or a system file"
NOT_UNICODE = "its name is not Unicode"


class File(NamedTuple):
    """A file, with the parts of its path below the root."""

    parts: tuple[str, ...]
    bytes: int


class Labelled(NamedTuple):
    """A file with its label and its split ("" if unknown)."""

    file: File
    label: str
    split: str


@dataclass
class Listing:
    """The files of a folder or archive that may be pictures, and what was skipped, in order."""

    files: list[File] = field(default_factory=list)
    passed_over: dict[PassedOver, None] = field(default_factory=dict)

    def add(self, parts: tuple[str, ...], size: int) -> bool:
        """Add a file, unless it or a folder around it is hidden; return whether it was added."""
        hidden = next((i for i, part in enumerate(parts) if is_system_name(part)), None)
        if hidden is not None:
            self.pass_over(parts[: hidden + 1], HIDDEN)
            return False
        self.files.append(File(parts, size))
        return True

    def pass_over(self, parts: tuple[str, ...], why: str) -> None:
        """Skip a file or folder; skipping it again has no effect."""
        self.passed_over[PassedOver(shown("/".join(parts)), why)] = None


def shown(name: str) -> str:
    """The name with escapes for what is not Unicode."""
    return name.encode(errors="backslashreplace").decode()


def is_unicode(name: str) -> bool:
    """False for names whose bytes are not UTF-8, which no table can hold."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def leads_out(locator: str) -> bool:
    """Whether a locator is an absolute path, or leads out of its folder by `..`."""
    if os.name == "nt":
        locator = locator.replace("\\", "/")
        if re.match("[A-Za-z]:", locator):
            return True
    return locator.startswith("/") or (".." in locator and ".." in locator.split("/"))


def is_system_name(name: str) -> bool:
    """Whether a file or folder of this name is hidden or belongs to the system."""
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def split_named(name: str) -> str | None:
    """The split that a folder's name stands for (`Valid`, `training_set`), or None."""
    letters = re.sub(r"[^a-z]", "", name.lower())
    return _SPLIT_NAMES.get(re.sub(r"(set|data|images|imgs|pictures)+$", "", letters))


def split_in_name(stem: str) -> str | None:
    """The split that a word of a file's name stands for (`sign_mnist_train`, `t10k`), or None."""
    if re.search(r"t10k", stem):
        return "test"
    found = {split_named(word) for word in re.split(r"[^A-Za-z]+", stem)} - {None}
    return found.pop() if len(found) == 1 else None


def label_files(
    listing: Listing,
    root: str,
    *,
    label_from: str | None = None,
    holder: str = "folder",
    needs_labels: bool = True,
) -> tuple[list[Labelled], list[str]]:
    """Return the files that have a label, and notes on the layout; skip the others.

    Args:
        listing: The files; those without a label are added to its `passed_over`.
        root: The folder or archive, for messages.
        label_from: A regular expression that finds the label in a file's name.
        holder: What `root` is, for messages: "folder" or "archive".
        needs_labels: Whether files without class folders are refused.

    Raises:
        DataError: No pictures, or no class folders.
        UsageError: `label_from` is not a regular expression with a group, or matches no file.
    """
    if not listing.files:
        reasons = sorted({skipped.why for skipped in listing.passed_over})
        raise DataError(
            f"{root} holds no pictures.",
            expected="a folder with a folder of pictures for each class",
            received=f"only: {', '.join(reasons)}" if reasons else f"an empty {holder}",
        )
    listing.files.sort()
    wrapper = _wrapper(listing.files)
    if label_from is not None:
        return _label_by_name(listing, label_from, len(wrapper)), []
    if not needs_labels and not _has_class_folders(listing.files, len(wrapper)):
        note = "There are no class folders: the pictures have no labels."
        return _without_labels(listing.files, len(wrapper)), [note]
    rows, notes = _label_by_folder("/".join((root, *wrapper)), listing, depth=len(wrapper))
    if wrapper:
        notes.insert(0, f"The classes are the folders in {'/'.join(wrapper)}/.")
    return rows, notes


def _wrapper(files: list[File]) -> tuple[str, ...]:
    """The folders around the dataset, each of which holds only one folder of folders."""
    wrapper: tuple[str, ...] = ()
    for depth in range(MOST_WRAPPERS):
        tops = {file.parts[depth] for file in files if len(file.parts) > depth + 1}
        has_inner_folders = any(len(file.parts) > depth + 2 for file in files)
        if len(tops) != 1 or not has_inner_folders:
            break
        wrapper = (*wrapper, tops.pop())
    return wrapper


def _label_by_folder(root: str, listing: Listing, depth: int) -> tuple[list[Labelled], list[str]]:
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
            f"{root} has pictures but no class folders{inside}.",
            expected="a folder for each class, such as cats/ and dogs/",
            received=f"{len(rows) or len(listing.files)} files side by side",
            remedy="if file names contain the label, set `label_from`, such as '([a-z]+)'; "
            "if a table has the labels, open that table; "
            "`viewfinder audit` accepts pictures without labels",
        )
    renamed = [f"{name}/ is {split}" for name, split in splits.items() if name != split]
    if renamed:
        notes.append(f"Splits: {', '.join(renamed)}.")
    return rows, notes


def _has_class_folders(files: list[File], depth: int) -> bool:
    """Whether folders at this depth, or inside split folders, are classes.

    Without this, flat `train/` and `test/` would be two classes.
    """
    folders = {file.parts[depth] for file in files if len(file.parts) > depth + 1}
    return bool(_split_folders(files, depth)) or not all(map(split_named, folders))


def _without_labels(files: list[File], depth: int) -> list[Labelled]:
    """All files, with their splits if all are in split folders."""
    tops = [file.parts[depth] if len(file.parts) > depth + 1 else "" for file in files]
    splits = [split_named(top) for top in tops]
    are_split = all(splits)
    return [
        Labelled(file, UNLABELLED, split if split and are_split else UNSPLIT)
        for file, split in zip(files, splits, strict=True)
    ]


def _split_folders(files: list[File], depth: int) -> dict[str, str]:
    """The split folders at this depth; empty if the folders are classes.

    A folder named `train` may be a class of vehicles: it is a split only if it holds folders.
    """
    holding_folders = {file.parts[depth] for file in files if len(file.parts) > depth + 2}
    splits = {name: split for name in sorted(holding_folders) if (split := split_named(name))}
    return splits if "train" in splits.values() else {}


def _label_by_name(listing: Listing, label_from: str, depth: int) -> list[Labelled]:
    example = "a group around the label, such as '([a-z]+)\\.'"
    pattern = read_pattern("label_from", label_from, example)
    group: str | int = "label" if "label" in pattern.groupindex else 1
    rows: list[Labelled] = []
    for file in listing.files:
        match = search(pattern, "/".join(file.parts))
        if match and match[group]:
            split = split_named(file.parts[depth]) if len(file.parts) > depth + 1 else None
            rows.append(Labelled(file, match[group], split or UNSPLIT))
        else:
            listing.pass_over(file.parts, "no label in its name")
    if not rows:
        raise UsageError(
            "`label_from` finds no label in any file name.",
            expected=f"a match in names such as {'/'.join(listing.files[0].parts)}",
            received=label_from,
        )
    return rows


def read_pattern(argument: str, text: str, expected: str) -> re.Pattern[str]:
    """Compile a regular expression that has a group.

    Args:
        argument: The name of the argument, for messages.
        text: The expression.
        expected: What the groups are for, with an example.

    Raises:
        UsageError: The text is not a regular expression with a group.
    """
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise UsageError(
            f"`{argument}` is not a regular expression.", received=text, remedy=str(error)
        ) from error
    if not pattern.groups:
        raise UsageError(f"`{argument}` has no group.", expected=expected, received=text)
    return pattern


def search(pattern: re.Pattern[str], path: str) -> re.Match[str] | None:
    """Search the path if the pattern has a slash, else the file's name."""
    return pattern.search(path if "/" in pattern.pattern else path.rpartition("/")[2])
