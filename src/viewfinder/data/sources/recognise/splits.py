"""The rules for split folders; where none apply, those for class folders."""

from collections.abc import Mapping
from dataclasses import dataclass

from viewfinder.core.errors import DataError, UsageError, nearest
from viewfinder.data.layout import NO_CLASS, Layout
from viewfinder.data.sources import folder_names as names
from viewfinder.data.sources.recognise.classes import (
    read_classes,
    require_classes_in_names,
    require_plain_classes,
)
from viewfinder.data.sources.recognise.reading import Reading, in_order
from viewfinder.data.sources.recognise.tree import Folder

_UNLABELLED = "an unlabelled split: its pictures are in no class folders"
_NO_KNOWN_CLASS = "pictures without a label: no training picture is in a folder of this name"


@dataclass(frozen=True)
class _Candidates:
    """The folders whose names contain a split.

    Attributes:
        roles: The split of each.
        levels: The folder of class folders inside each, training first.
        others: The other folders.
    """

    roles: Mapping[str, str]
    levels: Mapping[str, Folder]
    others: list[str]

    @property
    def trains(self) -> list[str]:
        """The training folders that hold class folders."""
        return [
            name for name, role in self.roles.items() if role == "train" and self.classes_of(name)
        ]

    @property
    def known(self) -> set[str]:
        """The classes of the training folders."""
        return set().union(*(self.classes_of(name) for name in self.trains))

    def classes_of(self, name: str) -> set[str]:
        """The classes in one of the folders."""
        return set(map(names.alike, self.levels[name].folders))


def read_splits(reading: Reading, folder: Folder) -> Layout | None:
    """The layout of split folders, if there are any; else of class folders.

    Raises:
        DataError: The layout is ambiguous.
        UsageError: Split folders are stated, and there are none.
    """
    roles = names.split_roles(folder.folders)
    before = dict(reading.skipped)
    levels = _levels(reading, {name: folder.folders[name] for name in roles}, roles)
    others = [name for name in folder.folders if name not in roles]
    labelled = [name for name in others if not names.is_unlabelled(name)]
    found = _Candidates(roles, levels, labelled)
    if found.trains and _are_splits(reading, folder, found):
        for name in set(others) - set(labelled):
            reading.skipped[folder.folders[name].address] = _UNLABELLED
        return _split_layout(reading, [(level, roles[name]) for name, level in levels.items()])
    if not found.trains:
        if not labelled:
            return _without_training(reading, folder, found)
        if layout := _beside_classes(reading, folder, found):
            return layout
    if reading.kind == "splits":
        raise UsageError(
            f"No folder of class folders in {reading.root} is called train.",
            expected="a folder such as train/, training_set/ or seg_train/",
            received=in_order(folder.folders),
            remedy="name the folders by `splits`, such as `splits='train=DIR,test=DIR'`",
        )
    _require_no_split(reading, folder, found)
    reading.skipped = before
    return read_classes(reading, folder)


def read_stated(reading: Reading, top: Folder, stated: Mapping[str, str]) -> Layout | None:
    """The layout of the split folders that the user names, relative to `top`.

    Raises:
        UsageError: There is no such folder.
        DataError: The layout inside them is ambiguous.
    """
    folders: dict[str, Folder] = {}
    for split, address in stated.items():
        folder = top.below(address)
        if folder is None:
            known = [below.address for below in top.all_below()]
            raise UsageError(
                f"`splits` names no folder of pictures in {reading.root}.",
                expected="a folder inside the data, or . for all that is in no other split",
                received=f"{split}={address}",
                remedy=nearest(address, known[:20]),
            )
        folders[split] = folder
    for split, folder in folders.items():
        depth = len(folder.path)
        inside = [other.path[depth:] for other in folders.values() if other.is_in(folder)]
        folders[split] = folder.without(path[0] for path in inside)
    levels = _levels(reading, folders, {split: split for split in folders})
    return _split_layout(reading, [(level, split) for split, level in levels.items()])


def _levels(
    reading: Reading, splits: Mapping[str, Folder], roles: Mapping[str, str]
) -> dict[str, Folder]:
    """The folder of class folders inside each split, training first."""
    levels: dict[str, Folder] = {}
    known: set[str] = set()
    for name in sorted(splits, key=lambda name: roles[name] != "train"):
        levels[name] = reading.classes_in(splits[name], known)
        if roles[name] == "train":
            known |= set(levels[name].folders)
    return levels


def _are_splits(reading: Reading, folder: Folder, found: _Candidates) -> bool:
    """Whether the candidates are splits, given that one for training holds class folders."""
    if reading.kind == "splits":
        return True
    have_one_rest = names.have_one_rest(found.roles)
    for name in found.roles:
        shared = found.known & found.classes_of(name)
        # Numbers in common say little, where the names differ in more than the split.
        is_sure = have_one_rest or not all(map(str.isdigit, shared))
        if found.roles[name] != "train" and shared and is_sure:
            return True
    if not found.others and have_one_rest:
        return True
    pure = [name for name in found.trains if names.split_named(name)]
    if not pure or not found.others:
        return False
    classes = in_order(found.levels[pure[0]].folders)
    raise reading.ambiguous(
        f"{pure[0]}/ may be the training split, or a class like {found.others[0]}/",
        folder,
        f"`layout=classes` reads the classes {in_order(folder.folders)}; `layout=splits` reads "
        f"{pure[0]}/ alone, with the classes {classes}",
    )


def _without_training(reading: Reading, folder: Folder, found: _Candidates) -> Layout | None:
    """The layout of a dataset that has only evaluation splits."""
    held = [(found.levels[name], found.roles[name]) for name in found.roles]
    held = [(level, split) for level, split in held if level.folders]
    if not held:
        require_classes_in_names(reading, folder)
    if not held or "train" in found.roles.values():
        return None
    return _split_layout(reading, held)


def _beside_classes(reading: Reading, folder: Folder, found: _Candidates) -> Layout | None:
    """The layout of evaluation splits beside the training classes that they repeat."""
    classes = [*found.others, *(name for name in found.roles if found.roles[name] == "train")]
    known = set(map(names.alike, classes))
    asides = [name for name in found.roles if name not in classes]
    held = [name for name in asides if found.levels[name].folders]
    if held and all(found.classes_of(name) <= known for name in held):
        for name in set(asides) - set(held):
            reading.skipped[folder.folders[name].address] = _UNLABELLED
        evaluated = [(found.levels[name], found.roles[name]) for name in held]
        return _split_layout(reading, [(folder.without(asides), "train"), *evaluated])
    return None


def _require_no_split(reading: Reading, folder: Folder, found: _Candidates) -> None:
    """Raise if a folder would become a class whose name is probably that of a split."""
    firm = [
        name for name in found.roles if names.split_named(name) and names.could_be_no_class(name)
    ]
    if not firm or not found.others or reading.kind is not None:
        return
    aside = f"{found.roles[firm[0]]}={folder.folders[firm[0]].address}"
    stated = f"train={folder.address or '.'},{aside}"
    raise reading.ambiguous(
        f"{firm[0]}/ may be a split, or a class like {found.others[0]}/",
        folder,
        f"`layout=classes` makes it a class; `splits='{stated}'` makes it a split, which is "
        "skipped if it has no class folders",
    )


def _split_layout(reading: Reading, levels: list[tuple[Folder, str]]) -> Layout | None:
    """The layout of these folders of class folders, each with its split."""
    training = [level for level, split in levels if split == "train"]
    known = {names.alike(label) for level in training for label in level.folders}
    if training and not known:
        return None
    splits: dict[str, str] = {}
    plain: list[Folder] = []
    for level, split in levels:
        if why := _reason_to_skip(level, split, training):
            reading.skipped[level.address] = why
            continue
        splits[level.address] = split
        plain.append(level)
        for name, below in level.folders.items():
            is_strange = split != "train" and known and names.alike(name) not in known
            if names.is_unlabelled(name) or (is_strange and name.lower() == "unknown"):
                reading.skipped[below.address] = _NO_KNOWN_CLASS
    require_plain_classes(reading, plain, "splits")
    return reading.layout(splits)


def _reason_to_skip(level: Folder, split: str, training: list[Folder]) -> str:
    """Why a split is left out; "" if it is not.

    Raises:
        DataError: It has other classes than the training split.
    """
    classes = set(map(names.alike, level.folders))
    known = {names.alike(label) for folder in training for label in folder.folders}
    if not classes:
        return NO_CLASS if split == "train" else _UNLABELLED
    if not known or classes & known:
        return ""
    if len(classes) == 1:
        return _UNLABELLED
    raise DataError(
        f"{level.address}/ and {training[0].address}/ have no class in common.",
        expected=f"some of: {in_order(training[0].folders)}",
        received=in_order(level.folders),
        remedy="name the folders of the splits by `splits`, or open one of them",
    )
