"""Which pictures belong on one side of a split: copies of each other, or what a column says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.core.errors import UsageError, nearest
from viewfinder.data.splits.placement import TooFewGroups

if TYPE_CHECKING:
    from viewfinder.data.dataset import Dataset

Keys = NDArray[np.int64]

# The column that a source may have for what must stay on one side of a split.
GROUP = "group"


@dataclass(frozen=True, eq=False)
class Groups:
    """Pictures that belong together.

    Attributes:
        keys: Equal ones belong together, int64, shape `(n,)`; the lowest row of the group.
        firm: The same for what is never taken apart, such as exact copies; no group of it has
            members of two groups of `keys`.
        words: What a group is, for the user.
    """

    keys: Keys
    firm: Keys
    words: str = "groups"

    @classmethod
    def of(cls, keys: NDArray[np.integer] | Keys, words: str = "groups") -> "Groups":
        """Groups that are never taken apart.

        Args:
            keys: Equal ones belong together, shape `(n,)`.
            words: What a group is.
        """
        firm = together(keys)
        return cls(firm, firm, words)

    @property
    def sizes(self) -> Keys:
        """The sizes of the groups of at least two pictures, int64."""
        sizes = np.bincount(self.keys)
        return sizes[sizes > 1]

    def of_rows(self, rows: NDArray[np.intp]) -> "Groups":
        """The groups that these pictures make among themselves."""
        return Groups(together(self.keys[rows]), together(self.firm[rows]), self.words)

    def loosened(self, rows: NDArray[np.bool_]) -> Keys:
        """The keys, but the firm ones for all groups that have a member among these rows."""
        return np.where(np.isin(self.keys, self.keys[rows]), self.firm, self.keys)


def by_column(dataset: "Dataset", column: str) -> Keys:
    """Keys by the values of a column; pictures without a value stand alone.

    Raises:
        UsageError: The dataset has no such column.
    """
    if column not in dataset.table:
        raise UsageError(
            f"The dataset has no column {column!r} to group by.",
            remedy=nearest(column, map(str, dataset.table.columns)),
        )
    values = dataset.table[column]
    codes, _ = pd.factorize(values.where(values != ""), use_na_sentinel=True)
    alone = codes < 0
    codes = codes.astype(np.int64)
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(alone.sum())
    return together(codes)


def known_groups(dataset: "Dataset") -> Groups | None:
    """What the table tells of groups: its column `group`, and pictures with the same bytes.

    Returns:
        None where it has neither `group` nor `content`.
    """
    columns = [name for name in (GROUP, "content") if name in dataset.table]
    if not columns:
        return None
    words = "groups" if GROUP in columns else "groups of exact copies"
    return Groups.of(together(*(by_column(dataset, name) for name in columns)), words)


def chosen(dataset: "Dataset", groups: Groups | str | NDArray[np.integer] | None) -> Groups | None:
    """What is meant by groups: a column's name, keys, or groups as they are.

    Where nothing is said, the dataset's own column `group` counts; None where it has none.

    Raises:
        UsageError: There is no such column, or there is not one key for each picture.
    """
    if isinstance(groups, Groups):
        return groups
    if groups is None:
        return Groups.of(by_column(dataset, GROUP)) if GROUP in dataset.table else None
    if isinstance(groups, str):
        return Groups.of(by_column(dataset, groups), f"groups of the column {groups!r}")
    keys = np.asarray(groups)
    if keys.shape != (len(dataset),):
        raise UsageError(
            "Groups are not a key for each picture.",
            expected=f"shape ({len(dataset)},)",
            received=f"shape {keys.shape}",
        )
    return Groups.of(keys)


def as_far_as_possible(
    groups: Groups, labels: Keys, place: Callable[[Keys], Keys]
) -> tuple[Keys, Keys]:
    """Place pictures by groups; where that spoils a class, its groups are held to what is firm.

    A class is spoilt where it has fewer groups than places, or where a place gets a count of its
    pictures that differs by more than half (and by more than one) from what it gets without the
    loose groups.

    Args:
        groups: Of the pictures, `n` of them.
        labels: Their classes, from 0, shape `(n,)`.
        place: Gives each picture's place for keys.

    Returns:
        Each picture's place; and the classes whose near duplicates were taken apart, rising.

    Raises:
        TooFewGroups: Not even the firm groups can be placed.
    """
    classes = int(labels.max(initial=0)) + 1
    firm = place(groups.firm)
    loosened = np.zeros(classes, np.bool_)
    while not loosened.all() and (groups.keys != groups.firm).any():
        try:
            placed = place(groups.loosened(loosened[labels]))
            spoilt = _spoilt(placed, firm, labels, classes)
        except TooFewGroups as few:
            spoilt = np.arange(classes) == few.label
        if not (spoilt & ~loosened).any():
            return placed, np.flatnonzero(loosened)
        loosened |= spoilt
    return firm, np.flatnonzero(loosened)


def _spoilt(placed: Keys, firm: Keys, labels: Keys, classes: int) -> NDArray[np.bool_]:
    places = int(max(placed.max(initial=0), firm.max(initial=0))) + 1
    got, usual = (
        np.bincount(labels * places + where, minlength=classes * places).reshape(classes, places)
        for where in (placed, firm)
    )
    return np.asarray((np.abs(got - usual) > np.maximum(1, usual / 2)).any(axis=1))


def together(*keys: NDArray[np.integer]) -> Keys:
    """The keys of what is connected by any of these keys: the lowest row of each group.

    Args:
        keys: Each int, shape `(n,)`.
    """
    codes = [np.unique(one, return_inverse=True)[1] for one in keys]
    rows = np.arange(len(codes[0]), dtype=np.int64)
    while True:
        before = rows
        for one in codes:
            lowest = np.full(len(rows), len(rows), np.int64)
            np.minimum.at(lowest, one, rows)
            rows = lowest[one]
        if (rows == before).all():
            return rows
