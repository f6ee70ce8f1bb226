"""The last step of opening any data: the checks and the order that all datasets share."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import pandas as pd

from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.words import listed
from viewfinder.data.dataset import (
    SPLITS,
    UNLABELLED,
    UNSPLIT,
    Dataset,
    PassedOver,
    sorted_classes,
)
from viewfinder.data.source import Source
from viewfinder.data.sources.folder_names import in_quotes, lookalikes
from viewfinder.data.sources.listing import HIDDEN

# How many examples a message shows.
_EXAMPLES = 5


def assemble(
    source: Source,
    table: pd.DataFrame,
    *,
    passed_over: Iterable[PassedOver] = (),
    notes: Iterable[str] = (),
    classes: Sequence[str] | None = None,
    remedy: str = "add pictures of another class",
    needs_labels: bool = True,
) -> Dataset:
    """Return the dataset of these rows.

    Args:
        source: Where the pictures are.
        table: The columns `locator`, `label`, `split` and `bytes`, and optionally `group`.
        passed_over: Files and folders that were skipped.
        notes: What the user should know.
        classes: The classes' names in the order of the model's outputs; by default those of the
            labels, sorted. Labels that are numbers are replaced by these names.
        remedy: The remedy in the error about a single class.
        needs_labels: Whether two classes are required; if not, a label may be `UNLABELLED`.

    Raises:
        DataError: There is only one class, or a label that is not a class.
        UsageError: The classes' names are not distinct.
    """
    labels = pd.Series(table["label"])
    if classes is None:
        ordered = sorted_classes(set(labels.unique()) - {UNLABELLED})
    else:
        ordered = tuple(str(name) for name in classes)
        table = table.assign(label=_named(labels, ordered))
    passed_over = list(passed_over)
    if len(ordered) < 2 and needs_labels:
        skipped = [f"{one.path} ({one.why})" for one in passed_over if one.why != HIDDEN]
        raise DataError(
            f"{source} has only one class: {ordered[0]}.",
            expected="at least two classes",
            received=f"skipped: {listed(skipped, _EXAMPLES)}" if skipped else None,
            remedy=remedy,
        )
    _require_one_label_each(ordered)
    if set(table["split"].unique()) == {"train"}:  # the same as no split
        table = table.assign(split=UNSPLIT)
    table = table.sort_values("locator", ignore_index=True)
    left_out = tuple(sorted(passed_over, key=lambda one: one.path))
    dataset = Dataset(source, table, ordered, left_out, tuple(notes))
    return dataset.noting(*_alike_classes(ordered), *_missing_classes(dataset))


def with_class_names(dataset: Dataset, classes: Sequence[str]) -> Dataset:
    """Return the dataset with these classes, and labels that are numbers replaced by their names.

    Raises:
        DataError: A label is neither one of the names nor the number of one.
    """
    ordered = tuple(classes)
    named = dataset.with_columns({"label": _named(dataset.table["label"], ordered).array})
    return replace(named, classes=ordered)


def _named(labels: pd.Series, classes: tuple[str, ...]) -> pd.Series:
    """The labels as names of classes.

    Numbers index the names; or, where there are as many names as numbers, stand for them in order
    (Sign-Language MNIST has no 9, because J is a movement).
    """
    if len(set(classes)) != len(classes) or len(classes) < 2:
        raise UsageError(
            "The names of the classes are not two or more distinct names.",
            received=", ".join(classes) or "none",
        )
    found = set(labels.unique())
    if found <= set(classes):
        return labels
    if all(label.isdecimal() for label in found):
        numbers = sorted_classes(found)
        if max(map(int, numbers)) < len(classes):
            return labels.map({number: classes[int(number)] for number in numbers})
        if len(numbers) == len(classes):
            return labels.map(dict(zip(numbers, classes, strict=True)))
    raise DataError(
        "Some labels are not in `classes`.",
        expected=f"some of: {', '.join(classes)}",
        received=listed(sorted(found - set(classes)), _EXAMPLES),
        remedy="omit `classes` to take them from the labels",
    )


def _require_one_label_each(classes: Sequence[str]) -> None:
    """Raise if a class is two labels in one, such as `daisy|yellow`."""
    known = set(classes)
    for name in classes:
        parts = [part.strip() for part in re.split(r"[|;,+&]", name)]
        is_list = re.fullmatch(r"[^|;]{2,}([|;][^|;]{2,})+", name) or set(parts) <= known
        if len(set(parts)) > 1 and all(parts) and is_list:
            raise DataError(
                f"The class {name!r} is {len(parts)} labels in one.",
                expected="one label for each picture",
                received=f"{name}, for {', '.join(parts)}",
                remedy="keep one of the labels; if it is one class, give it a name without | and ;",
            )


def _alike_classes(classes: Sequence[str]) -> Iterator[str]:
    for names in lookalikes(classes):
        yield (
            f"These classes differ only in case, blanks or Unicode form: {in_quotes(names)}. If "
            "they are one class, give them one name."
        )


def _missing_classes(dataset: Dataset) -> Iterator[str]:
    labels, splits = dataset.table["label"], dataset.table["split"]
    for split in SPLITS:
        found = set(labels[splits == split].unique())
        if found and (missing := [name for name in dataset.classes if name not in found]):
            yield f"The {split} split has no pictures of: {', '.join(missing)}."
