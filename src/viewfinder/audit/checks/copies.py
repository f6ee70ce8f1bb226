"""Checks of duplicates: redundant ones, contradictory labels, and leaks between splits."""

from collections.abc import Iterator

import pandas as pd

from viewfinder.audit.duplicates import DuplicateGroups
from viewfinder.audit.finding import Finding, Severity
from viewfinder.audit.likeness import Rows
from viewfinder.core.words import counted
from viewfinder.data.dataset import UNSPLIT


def copies(table: pd.DataFrame, groups: DuplicateGroups) -> Iterator[Finding]:
    """Run all checks of this module.

    Args:
        table: The audit's table, in the order of the measurements.
        groups: The duplicates among the measurements.
    """
    exact, near = groups.exact, groups.near
    labels, splits = table["label"], table["split"].where(table["split"] != UNSPLIT)
    for found, check, severity, words, remedy in (
        (
            _differing(labels, exact),
            "one picture, two labels",
            Severity.ERROR,
            "exact duplicates under different labels",
            "decide on one label, and remove the other picture",
        ),
        (
            _differing(labels, near),
            "near duplicates, two labels",
            Severity.WARNING,
            "near duplicates under different labels",
            "check each group: one of the labels may be wrong",
        ),
        (
            _differing(splits, exact),
            "one picture, two splits",
            Severity.ERROR,
            "exact duplicates in different splits",
            "remove the duplicates: scores on pictures known from training are too high",
        ),
        (
            _differing(splits, near),
            "near duplicates, two splits",
            Severity.WARNING,
            "near duplicates in different splits",
            "move each group to one split: scores on pictures similar to training ones are too "
            "high",
        ),
        (
            exact,
            "exact duplicates",
            Severity.WARNING,
            "exact duplicates, with equal bytes or pixels",
            "keep one of each: duplicates count twice, and may leak between splits",
        ),
        (
            near,
            "near duplicates",
            Severity.INFO,
            "near duplicates (encoded again, resized, mirrored, cropped, or the next frame)",
            "keep each group within one split" + _bounds(groups),
        ),
    ):
        if found:
            rows = [int(row) for group in found for row in group]
            sentence = (
                f"{counted(len(rows), 'picture is')} {words} ({counted(len(found), 'group')})."
            )
            named = tuple(tuple(table["locator"].iloc[group]) for group in found)
            paths = tuple(path for group in named for path in group)
            notes = tuple(_where(table.iloc[row]) for row in rows)
            yield Finding(check, severity, sentence, remedy, paths, notes, named)


def _bounds(groups: DuplicateGroups) -> str:
    bounds = ""
    if groups.unjoined:
        bounds += f"; {groups.unjoined:,} more similar pairs are in no group, to keep groups small"
    if groups.unaligned:
        bounds += f"; {groups.unaligned:,} more pairs were not compared as crops, to save time"
    return bounds


def _differing(values: pd.Series, groups: tuple[Rows, ...]) -> tuple[Rows, ...]:
    """Return the groups whose members have more than one value."""
    return tuple(group for group in groups if values.iloc[group].nunique() > 1)


def _where(row: pd.Series) -> str:
    """Return the label and, if there is one, the split."""
    return f"{row['label']}, {row['split']}" if row["split"] else str(row["label"])
