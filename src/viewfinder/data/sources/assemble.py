"""The last step of every kind of source: checks and order that all datasets share."""

from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from viewfinder.core.errors import DataError, UsageError
from viewfinder.data.dataset import (
    SPLITS,
    UNLABELLED,
    UNSPLIT,
    Dataset,
    PassedOver,
    sorted_classes,
)
from viewfinder.data.source import Source

# How many examples a message shows.
_EXAMPLES = 5


def assemble(
    source: Source,
    table: pd.DataFrame,
    *,
    passed_over: Iterable[PassedOver] = (),
    notes: Iterable[str] = (),
    classes: Sequence[str] | None = None,
    remedy: str = "add pictures of something else",
    needs_labels: bool = True,
) -> Dataset:
    """The dataset of these rows.

    Args:
        source: Where the pictures are.
        table: The columns `locator`, `label`, `split` and `bytes`, and perhaps `group`.
        passed_over: What was found beside the pictures.
        notes: What the reader should know.
        classes: The classes' names in the order of the model's outputs; by default those of the
            labels, sorted. Labels that are numbers are replaced by these names.
        remedy: What helps where there is only one class.
        needs_labels: Whether there have to be two classes; else a label may also be `UNLABELLED`.

    Raises:
        DataError: Only one class, or a label that is none of the classes.
        UsageError: The classes' names are not different.
    """
    labels = pd.Series(table["label"])
    if classes is None:
        ordered = sorted_classes(set(labels.unique()) - {UNLABELLED})
    else:
        ordered = tuple(str(name) for name in classes)
        table = table.assign(label=_named(labels, ordered))
    if len(ordered) < 2 and needs_labels:
        raise DataError(
            f"{source} has only one class: {ordered[0]}.",
            expected="at least two classes to tell apart",
            remedy=remedy,
        )
    if set(table["split"].unique()) == {"train"}:  # it says nothing that is not known already
        table = table.assign(split=UNSPLIT)
    table = table.sort_values("locator", ignore_index=True)
    beside = tuple(sorted(passed_over, key=lambda one: one.path))
    dataset = Dataset(source, table, ordered, beside, tuple(notes))
    return dataset.noting(*_missing_classes(dataset))


def _named(labels: pd.Series, classes: tuple[str, ...]) -> pd.Series:
    """The labels as names of classes.

    Numbers stand for names by their value; or, where there are as many names as numbers, by their
    order (Sign-Language MNIST has no 9, because J is a movement).
    """
    if len(set(classes)) != len(classes) or len(classes) < 2:
        raise UsageError(
            "The names of the classes are not two or more different ones.",
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
    unknown = sorted(found - set(classes))
    more = ", …" if len(unknown) > _EXAMPLES else ""
    raise DataError(
        "There are labels that are none of the classes.",
        expected=f"some of: {', '.join(classes)}",
        received=", ".join(unknown[:_EXAMPLES]) + more,
        remedy="leave the classes away to take them from the labels",
    )


def _missing_classes(dataset: Dataset) -> Iterator[str]:
    labels, splits = dataset.table["label"], dataset.table["split"]
    for split in SPLITS:
        found = set(labels[splits == split].unique())
        if found and (missing := [name for name in dataset.classes if name not in found]):
            yield f"The {split} split has no pictures of: {', '.join(missing)}."
