"""Recognise which folders are splits and which are classes; refuse what is ambiguous.

Only folders that may hold pictures count. Folders around the dataset are stepped into. Then, in
this order: split folders of class folders; a validation or test folder beside the classes it
repeats (`splits`); split folders inside each class; parts (years, folds) that repeat the classes;
class folders (`classes`).
"""

from collections.abc import Mapping

from viewfinder.data.layout import Layout, LayoutKind
from viewfinder.data.sources.recognise.reading import Reading
from viewfinder.data.sources.recognise.splits import read_splits, read_stated
from viewfinder.data.sources.recognise.tree import Folder


def recognise(
    top: Folder, root: str, kind: LayoutKind | None, stated: Mapping[str, str] | None
) -> Layout | None:
    """Return the layout of a folder or archive; None if its pictures are in no class folders.

    Args:
        top: The folders that may hold pictures.
        root: The folder or archive, for messages.
        kind: What the user states about the classes.
        stated: The folder of each split, as the user states it, relative to the root.

    Raises:
        DataError: The layout is ambiguous; the remedy names the choices.
        UsageError: What the user states does not fit the folders.
    """
    reading = Reading(root, kind)
    if stated:
        return read_stated(reading, top, stated)
    folder = reading.stepped_into(top)
    if not folder.folders:
        return None
    if kind == "classes":
        return reading.layout({folder.address: ""})
    return read_splits(reading, folder)
