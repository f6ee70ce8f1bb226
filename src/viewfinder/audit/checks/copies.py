"""Checks of pictures that are there more than once: wasted, contradictory, or leaking."""

from collections.abc import Iterator

import pandas as pd

from viewfinder.audit.duplicates import DuplicateGroups
from viewfinder.audit.finding import Finding, Severity, pictures
from viewfinder.audit.likeness import Rows
from viewfinder.data.dataset import UNSPLIT


def copies(table: pd.DataFrame, groups: DuplicateGroups) -> Iterator[Finding]:
    """All checks of this family.

    Args:
        table: The audit's table, in the order of the measurements that `groups` are of.
        groups: What is the same, and what nearly.
    """
    exact, near = groups.exact, groups.near
    yield from _two_labels(table, exact, near)
    yield from _two_splits(table, exact, near)
    yield from _about_groups(
        table,
        exact,
        "exact duplicates",
        Severity.WARNING,
        "there more than once, with the same bytes or pixels",
        "keep one of each: copies count double, and may end up on both sides of a split",
    )
    yield from _about_groups(
        table,
        near,
        "near duplicates",
        Severity.INFO,
        "nearly the same as another (encoded again, resized, mirrored, cropped, or the next frame)",
        "keep each group on one side of a split" + _bounds(groups),
    )


def _bounds(groups: DuplicateGroups) -> str:
    said = ""
    if groups.unjoined:
        said += f"; {groups.unjoined:,} more pairs would have made groups too large"
    if groups.unaligned:
        said += f"; {groups.unaligned:,} pairs were not tried as crops of each other"
    return said


def _two_labels(
    table: pd.DataFrame, exact: tuple[Rows, ...], near: tuple[Rows, ...]
) -> Iterator[Finding]:
    yield from _about_groups(
        table,
        _differing(table["label"], exact),
        "one picture, two labels",
        Severity.ERROR,
        "the same as one under another label",
        "decide on one label, and remove the other copy",
    )
    yield from _about_groups(
        table,
        _differing(table["label"], near),
        "near duplicates, two labels",
        Severity.WARNING,
        "nearly the same as one under another label",
        "look at each group: one of the labels may be wrong",
    )


def _two_splits(
    table: pd.DataFrame, exact: tuple[Rows, ...], near: tuple[Rows, ...]
) -> Iterator[Finding]:
    splits = table["split"].where(table["split"] != UNSPLIT)
    yield from _about_groups(
        table,
        _differing(splits, exact),
        "one picture, two splits",
        Severity.ERROR,
        "the same as one in another split",
        "remove the copies: what was seen in training is judged too well",
    )
    yield from _about_groups(
        table,
        _differing(splits, near),
        "near duplicates, two splits",
        Severity.WARNING,
        "nearly the same as one in another split",
        "move each group to one side: what was nearly seen in training is judged too well",
    )


def _differing(values: pd.Series, groups: tuple[Rows, ...]) -> tuple[Rows, ...]:
    """The groups whose members have more than one value."""
    return tuple(group for group in groups if values.iloc[group].nunique() > 1)


def _about_groups(
    table: pd.DataFrame,
    groups: tuple[Rows, ...],
    check: str,
    severity: Severity,
    words: str,
    remedy: str,
) -> list[Finding]:
    if not groups:
        return []
    named = tuple(tuple(table["locator"].iloc[group]) for group in groups)
    rows = [int(row) for group in groups for row in group]
    notes = tuple(_where(table.iloc[row]) for row in rows)
    groups_said = "1 group" if len(groups) == 1 else f"{len(groups):,} groups"
    sentence = f"{pictures(len(rows), 'is')} {words} ({groups_said})."
    paths = tuple(path for group in named for path in group)
    return [Finding(check, severity, sentence, remedy, paths, notes, named)]


def _where(row: pd.Series) -> str:
    """The label and, where there is one, the split."""
    return f"{row['label']}, {row['split']}" if row["split"] else str(row["label"])
