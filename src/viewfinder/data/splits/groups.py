"""Groups of pictures that stay in one split or fold: duplicates, or equal values of a column."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.core.errors import UsageError, nearest
from viewfinder.core.words import listed
from viewfinder.data.splits.placement import TooFewGroups
from viewfinder.data.splits.table import class_indices

Keys = NDArray[np.int64]

# The column of a source that names each picture's group.
GROUP = "group"

_MOST_NAMED = 5


@dataclass(frozen=True, eq=False)
class Groups:
    """Pictures that stay together.

    Attributes:
        keys: Pictures with equal keys form a group, int64, shape `(n,)`; the group's lowest row.
        required: The same for groups that are never split, such as exact duplicates. Each lies
            within one group of `keys`.
        words: What a group is, for the user; in the plural.
    """

    keys: Keys
    required: Keys
    words: str = "groups"

    @classmethod
    def of(cls, keys: NDArray[np.integer] | Keys, words: str = "groups") -> "Groups":
        """Return groups that are never split.

        Args:
            keys: Pictures with equal keys form a group, shape `(n,)`.
            words: What a group is, in the plural.
        """
        required = connected(keys)
        return cls(required, required, words)

    @property
    def sizes(self) -> Keys:
        """The sizes of the groups of at least two pictures, int64."""
        sizes = np.bincount(self.keys)
        return sizes[sizes > 1]

    def of_rows(self, rows: NDArray[np.intp]) -> "Groups":
        """The groups among these rows."""
        return Groups(connected(self.keys[rows]), connected(self.required[rows]), self.words)

    def relaxed(self, rows: NDArray[np.bool_]) -> Keys:
        """The keys, with only the required groups where a group has a member among these rows."""
        return np.where(np.isin(self.keys, self.keys[rows]), self.required, self.keys)


def by_column(table: pd.DataFrame, column: str) -> Keys:
    """Keys by the values of a column; pictures without a value stand alone.

    Raises:
        UsageError: The table has no such column.
    """
    if column not in table:
        raise UsageError(
            f"The dataset has no column {column!r} to group by.",
            remedy=nearest(column, map(str, table.columns)),
        )
    values = table[column]
    codes, _ = pd.factorize(values.where(values != ""), use_na_sentinel=True)
    alone = codes < 0
    codes = codes.astype(np.int64)
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(alone.sum())
    return connected(codes)


def known_groups(table: pd.DataFrame) -> Groups | None:
    """The groups of the columns `group` and `content` (equal bytes); None without both."""
    columns = [name for name in (GROUP, "content") if name in table]
    if not columns:
        return None
    words = "groups" if GROUP in columns else "groups of exact duplicates"
    return Groups.of(connected(*(by_column(table, name) for name in columns)), words)


def resolve_groups(
    table: pd.DataFrame, groups: Groups | str | NDArray[np.integer] | None
) -> Groups | None:
    """Return the groups that a column's name, keys or `Groups` stand for.

    None stands for the column `group`; the result is None if the table has no such column.

    Raises:
        UsageError: There is no such column, or not one key for each picture.
    """
    if isinstance(groups, Groups):
        return groups
    if groups is None:
        return Groups.of(by_column(table, GROUP)) if GROUP in table else None
    if isinstance(groups, str):
        return Groups.of(by_column(table, groups), f"groups of the column {groups!r}")
    keys = np.asarray(groups)
    if keys.shape != (len(table),):
        raise UsageError(
            "Groups are not a key for each picture.",
            expected=f"shape ({len(table)},)",
            received=f"shape {keys.shape}",
        )
    return Groups.of(keys)


def place_by_groups(
    table: pd.DataFrame,
    classes: Sequence[str],
    rows: NDArray[np.intp],
    groups: Groups | None,
    place: Callable[[Keys | None], Keys],
) -> tuple[Keys, tuple[str, ...]]:
    """Place some pictures, and describe what happened to their groups.

    Args:
        table: All pictures.
        classes: The classes' names.
        rows: The pictures to place.
        groups: The groups among all pictures.
        place: Returns the split or fold of each picture in `rows`, given their keys.

    Returns:
        The split or fold of each picture in `rows`, int64; and notes for the user.

    Raises:
        TooFewGroups: Not even the required groups can be placed.
    """
    if groups is None:
        return place(None), ()
    placed_groups, labels = groups.of_rows(rows), class_indices(table, classes)[rows]
    placed, relaxed = _place_whole(placed_groups, labels, place)
    sizes = np.bincount(placed_groups.relaxed(np.isin(labels, relaxed)))
    sizes = sizes[sizes > 1]
    words = groups.words.replace("groups", "group", 1) if len(sizes) == 1 else groups.words
    kept = [f"Kept in one split: {len(sizes):,} {words} with {sizes.sum():,} pictures."]
    if not len(sizes):
        kept = [] if len(relaxed) else [f"There are no {words} to keep in one split."]
    return placed, (*kept, *relaxed_note(classes, relaxed))


def relaxed_note(classes: Sequence[str], labels: NDArray[np.integer]) -> list[str]:
    """A note on the classes whose near duplicates are in different splits; empty without any."""
    if not len(labels):
        return []
    names = listed([classes[label] for label in labels], _MOST_NAMED)
    return [
        f"Near duplicates in {names} are in several splits: their groups are too large to be "
        "kept in one. The accuracy on them will be too high."
    ]


def _place_whole(groups: Groups, labels: Keys, place: Callable[[Keys], Keys]) -> tuple[Keys, Keys]:
    """Place groups whole, except in classes that this would spoil.

    A class is spoilt if it has too few groups, or if a split or fold gets a number of its pictures
    that differs by more than half (and by more than one) from what the required groups alone give.

    Args:
        groups: Of the pictures, `n` of them.
        labels: Their class indices, shape `(n,)`.
        place: Returns each picture's split or fold, given keys.

    Returns:
        Each picture's split or fold; and the indices of the classes of which only the required
        groups were kept whole, ascending.

    Raises:
        TooFewGroups: Not even the required groups can be placed.
    """
    classes = int(labels.max(initial=0)) + 1
    required = place(groups.required)
    relaxed = np.zeros(classes, np.bool_)
    while not relaxed.all() and (groups.keys != groups.required).any():
        try:
            placed = place(groups.relaxed(relaxed[labels]))
            spoilt = _spoilt(placed, required, labels, classes)
        except TooFewGroups as few:
            spoilt = np.arange(classes) == few.label
        if not (spoilt & ~relaxed).any():
            return placed, np.flatnonzero(relaxed)
        relaxed |= spoilt
    return required, np.flatnonzero(relaxed)


def _spoilt(placed: Keys, required: Keys, labels: Keys, classes: int) -> NDArray[np.bool_]:
    parts = int(max(placed.max(initial=0), required.max(initial=0))) + 1
    received, usual = (
        np.bincount(labels * parts + part, minlength=classes * parts).reshape(classes, parts)
        for part in (placed, required)
    )
    return np.asarray((np.abs(received - usual) > np.maximum(1, usual / 2)).any(axis=1))


def connected(*keys: NDArray[np.integer]) -> Keys:
    """The connected components of pictures that share a key: the lowest row of each, int64.

    Args:
        keys: Each int, shape `(n,)`.
    """
    codes = [np.unique(key, return_inverse=True)[1] for key in keys]
    rows = np.arange(len(codes[0]), dtype=np.int64)
    while True:
        before = rows
        for code in codes:
            lowest = np.full(len(rows), len(rows), np.int64)
            np.minimum.at(lowest, code, rows)
            rows = lowest[code]
        if (rows == before).all():
            return rows
