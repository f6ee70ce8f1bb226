"""The rules for class folders without split folders around them."""

from viewfinder.data.layout import Layout, LayoutKind
from viewfinder.data.sources import folder_names as names
from viewfinder.data.sources.recognise.reading import Reading, in_order
from viewfinder.data.sources.recognise.tree import Folder


def read_classes(reading: Reading, folder: Folder) -> Layout | None:
    """The layout of class folders; None if the folders are no classes.

    Raises:
        DataError: The layout is ambiguous.
    """
    classes = folder.folders
    if len(classes) == 1 and names.is_container(next(iter(classes))):
        return None
    if reading.kind == "innermost":
        return reading.layout({folder.address: "", **_splits_below(folder)})
    if not any(below.folders for below in classes.values()):
        require_classes_in_names(reading, folder)
    if inside := _inside(reading, folder):
        return reading.layout({folder.address: ""}, inside)
    if parts := _parts(reading, folder):
        require_plain_classes(reading, parts, None)
        return reading.layout({part.address: "" for part in parts})
    folder = reading.without_copies(folder)
    require_plain_classes(reading, [folder], "classes")
    return reading.layout({folder.address: ""})


def require_classes_in_names(reading: Reading, folder: Folder) -> None:
    """Raise if the folders, which hold no folders, are not classes by their names.

    Raises:
        DataError: They are splits of classes, parts of a dataset, or pictures in general.
    """
    of_folders = f"or `layout=classes` reads the classes {in_order(folder.folders)}"
    found = [names.split_and_rest(name) for name in folder.folders]
    pairs = {pair for pair in found if pair and pair[1]}
    splits, labels = {split for split, _ in pairs}, {rest for _, rest in pairs}
    if None not in found and "train" in splits and len(splits) > 1 and len(labels) > 1:
        pattern = names.pattern_without_split(folder.folders)
        raise reading.ambiguous(
            "the folders' names hold both a split and a class",
            folder,
            f"`label_from='{pattern}'` finds the class in them; {of_folders}",
        )
    if len(folder.folders) > 1 and names.are_numbered_parts(folder.folders):
        raise reading.ambiguous(
            f"{in_order(folder.folders)} may be parts of one dataset, or classes",
            folder,
            f"find the label in the files' names by `label_from`; {of_folders}",
        )
    general = [name for name in folder.folders if names.is_general(name)]
    if general and len(folder.folders) > 1:
        raise reading.ambiguous(
            f"{general[0]}/ is a usual name for all pictures, and may be a class",
            folder,
            f"open {reading.root}/{folder.folders[general[0]].address} with `label_from`; "
            f"{of_folders}",
        )


def _inside(reading: Reading, folder: Folder) -> dict[str, str]:
    """The splits that are folders inside each class; empty if there are none."""
    found = {
        name: split[0]
        for below in folder.folders.values()
        for name in below.folders
        if not below.folders[name].folders and (split := names.split_and_rest(name))
    }
    if "train" not in found.values() or len(set(found.values())) < 2:
        return {}
    odd = [
        name
        for name, below in folder.folders.items()
        if below.files or not below.folders or not set(below.folders) <= set(found)
    ]
    if not odd:
        return found
    holding = next((name for name in folder.folders if name not in odd), None)
    if holding:
        raise reading.ambiguous(
            f"{holding}/ holds split folders, and {odd[0]}/ does not",
            folder,
            f"`layout=classes` reads the classes {in_order(folder.folders)} without splits; or "
            "move the pictures of each class into split folders",
        )
    return {}


def _parts(reading: Reading, folder: Folder) -> list[Folder]:
    """The folders of class folders in parts such as years or folds; empty without parts."""
    if len(folder.folders) < 2 or not names.are_parts(folder.folders):
        return []
    levels = [reading.classes_in(below) for below in folder.folders.values()]
    classes = [set(map(names.alike, level.folders)) for level in levels]
    union = set().union(*classes)
    if len(union) < 2 or any(2 * len(found) < len(union) for found in classes):
        return []
    splits = {names.split_named(name) for level in levels for name in level.folders} - {None}
    if "train" in splits and len(splits) > 1:
        first = next(iter(folder.folders.values()))
        raise reading.ambiguous(
            f"each of {in_order(folder.folders)} has splits of its own",
            folder,
            f"open one of them, such as {reading.root}/{first.address}",
        )
    return levels


def require_plain_classes(
    reading: Reading, levels: list[Folder], outermost: LayoutKind | None
) -> None:
    """Raise if class folders hold no pictures of their own, but folders that may be the classes.

    `outermost` is the kind of layout that makes the outermost of them the classes.

    Raises:
        DataError: The layout is ambiguous.
    """
    if reading.kind is not None:
        return
    for level in levels:
        nested = {name: _inner(reading, below) for name, below in level.folders.items()}
        repeated = len({tuple(sorted(inner.folders)) for inner in nested.values()}) == 1
        for name, inner in nested.items():
            is_repeated = repeated and len(nested) > 1 and not names.are_enumerated(inner.folders)
            if len(inner.folders) < 2 or inner.files:
                continue
            if not is_repeated and not names.are_words(inner.folders):
                continue
            choices = [f"`layout=innermost` reads the classes {in_order(_innermost(level))}"]
            if outermost:
                read = in_order(level.folders)
                choices.insert(0, f"`layout={outermost}` reads the classes {read}")
            if outermost == "classes":
                address = level.folders[name].address
                choices.append(f"or open one folder, such as {reading.root}/{address}")
            raise reading.ambiguous(
                f"{level.folders[name].address}/ holds folders, and no pictures of its own",
                level,
                "; ".join(choices),
            )


def _inner(reading: Reading, folder: Folder) -> Folder:
    """The folder, or what is inside the only folder in it."""
    folder = reading.without_annotations(folder)
    while len(folder.folders) == 1 and not folder.files:
        (folder,) = folder.folders.values()
        folder = reading.without_annotations(folder)
    return folder


def _innermost(folder: Folder) -> set[str]:
    return {below.name for below in folder.all_below() if below.files}


def _splits_below(folder: Folder) -> dict[str, str]:
    """The split folders of class folders at any depth, if there is one of training among them."""
    found = {
        below.address: split
        for below in folder.all_below()
        if below.folders and (split := names.split_named(below.name))
    }
    return found if "train" in found.values() else {}
