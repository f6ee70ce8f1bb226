"""Checks of classes: small, imbalanced and missing ones."""

from collections.abc import Iterator, Sequence

import pandas as pd

from viewfinder.audit.finding import Finding, Severity
from viewfinder.core.words import listed
from viewfinder.data.dataset import OK, SPLITS, UNSPLIT
from viewfinder.data.sources.folder_names import in_quotes, lookalikes

# Below this, a class's scores are very uncertain, and augmentation helps little.
_FEW = 20
_UNEVEN, _VERY_UNEVEN = 3.0, 10.0


def balance(table: pd.DataFrame, classes: Sequence[str]) -> Iterator[Finding]:
    """Run all checks of this module; only readable pictures count."""
    readable = table[table["status"] == OK]
    training = readable[readable["split"].isin(["train", UNSPLIT])]
    counts = training["label"].value_counts().reindex(list(classes), fill_value=0)
    yield from alike_classes(classes)
    yield from small_classes(counts)
    yield from imbalance(counts)
    yield from missing_classes(table, classes)


def alike_classes(classes: Sequence[str]) -> list[Finding]:
    """Find classes whose names differ only in case, blanks or Unicode form."""
    return [
        Finding(
            "classes of one name",
            Severity.WARNING,
            f"{in_quotes(names)} differ only in case, blanks or Unicode form.",
            "if they are one class, give them one name",
            classes=tuple(names),
        )
        for names in lookalikes(classes)
    ]


def small_classes(counts: pd.Series) -> list[Finding]:
    """Find classes with few training pictures.

    Args:
        counts: Readable pictures for training, by class.
    """
    few = counts[(counts < _FEW) & (counts > 0)].sort_values(kind="stable")
    if few.empty:
        return []
    shown = listed([f"{name} ({count})" for name, count in few.items()])
    return [
        Finding(
            "small class",
            Severity.WARNING,
            f"Fewer than {_FEW} training pictures: {shown}.",
            "add pictures, or merge classes",
            classes=tuple(map(str, few.index)),
        )
    ]


def imbalance(counts: pd.Series) -> list[Finding]:
    """Find a class with several times the pictures of another."""
    counts = counts[counts > 0]
    if len(counts) < 2 or counts.max() < _UNEVEN * counts.min():
        return []
    ratio = counts.max() / counts.min()
    rare = counts[counts * _UNEVEN <= counts.max()].sort_values(kind="stable")
    return [
        Finding(
            "class imbalance",
            Severity.WARNING if ratio >= _VERY_UNEVEN else Severity.INFO,
            f"{counts.idxmax()} has {ratio:.1f} times the pictures of {counts.idxmin()} "
            f"({counts.max():,} and {counts.min():,}).",
            "check each class's recall besides accuracy; weight classes in training",
            classes=tuple(map(str, rare.index)),
        )
    ]


def missing_classes(table: pd.DataFrame, classes: Sequence[str]) -> list[Finding]:
    """Find classes without pictures in a split: an error in the training split."""
    findings = []
    for split in (*SPLITS, UNSPLIT):
        rows = table[table["split"] == split]
        present = set(rows.loc[rows["status"] == OK, "label"])
        missing = [name for name in classes if name not in present]
        if rows.empty or not missing:
            continue
        trains = split in ("train", UNSPLIT)
        findings.append(
            Finding(
                f"class missing from {split or 'the pictures'}",
                Severity.ERROR if trains else Severity.WARNING,
                f"No readable picture of {listed(missing)} in "
                f"{f'the {split} split' if split else 'the data'}.",
                "a class without pictures cannot be learned: add pictures, or remove the class"
                if trains
                else "these classes cannot be evaluated: add pictures",
                classes=tuple(missing),
            )
        )
    return findings
