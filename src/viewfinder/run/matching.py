"""The classes of other pictures as those of a model, matched by name."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from viewfinder.core.errors import DataError
from viewfinder.core.words import counted, listed
from viewfinder.data.dataset import Dataset


def _remedy(data: Dataset, classes: Mapping[str, str], labelled: bool) -> str:
    """What to give instead of pictures that have no class of the model."""
    folder = Path(str(data.source)).resolve()
    if _plain(folder.name) in classes and folder.is_dir():
        return f"state the folder above, {folder.parent}, whose folders name the classes"
    if not labelled:
        return "put them into folders named as the classes; `viewfinder predict` needs no labels"
    return "rename the folders of the classes, or the labels of the table"


def match_classes(data: Dataset, classes: Sequence[str]) -> tuple[Dataset, tuple[str, ...]]:
    """Return the pictures of a model's classes, with its names, and notes on the others.

    Names that differ only in case, blanks or Unicode form are taken for each other.

    Raises:
        DataError: There is no class in common.
    """
    alike = {_plain(name): name for name in reversed(classes)}
    given = data.table["label"]
    present = [name for name in data.classes if (given == name).any()]
    names = {name: name if name in classes else alike.get(_plain(name)) for name in present}
    if not any(names.values()):
        raise DataError(
            "The data and the run have no class in common."
            if present
            else "None of the pictures has a label.",
            expected=f"pictures of {_named(classes)}",
            received=f"pictures of {_named(present)}"
            if present
            else f"{counted(len(data), 'picture')} without labels",
            remedy=_remedy(data, alike, bool(present)),
        )
    notes = [
        f"{old!r} is taken for {new!r}." for old, new in names.items() if new not in (old, None)
    ]
    if unknown := [name for name, new in names.items() if new is None]:
        count = counted(int(given.isin(unknown).sum()), "picture is")
        notes.append(f"The run does not know {_named(unknown)}: {count} left out.")
    if unlabelled := int((~given.isin(present)).sum()):
        notes.append(f"{counted(unlabelled, 'picture is')} left out: without a label.")
    if missing := [name for name in classes if name not in names.values()]:
        notes.append(f"The data has no pictures of {_named(missing)}.")
    labels = given.map(names)
    kept = replace(data.with_columns({"label": labels.fillna("").array}), classes=tuple(classes))
    return kept.where(labels.notna()), tuple(notes)


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _named(names: Sequence[str]) -> str:
    return listed([*map(repr, names)], 5)
