"""Which pictures belong on one side of a split: copies of each other, or what a column says."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.errors import UsageError, nearest
from viewfinder.progress import Progress

if TYPE_CHECKING:
    from viewfinder.data.dataset import Dataset

Keys = NDArray[np.int64]


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

    def but_firm(self, rows: NDArray[np.bool_]) -> Keys:
        """The keys, but only the firm ones for all groups that have a member among these rows."""
        touched = np.isin(self.keys, self.keys[rows])
        return np.where(touched, self.firm, self.keys)

    @property
    def count(self) -> int:
        """How many groups have at least two pictures."""
        return int((np.bincount(self.keys, minlength=1) > 1).sum())

    def where(self, rows: NDArray[np.bool_]) -> "Groups":
        """The groups of those pictures for which the mask is true."""
        return Groups(together(self.keys[rows]), together(self.firm[rows]), self.words)


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
    return _lowest(codes.astype(np.int64))


def by_content(dataset: "Dataset") -> Keys:
    """Keys by the hash of the pictures' bytes; the dataset's pictures must have been read."""
    return by_column(dataset, "content")


def by_duplicates(dataset: "Dataset", progress: Progress | None = None) -> Groups:
    """Near duplicates together where that can be, exact copies always.

    Looks at every picture that the audit has not measured before.

    Raises:
        OutputError: The audit's cache cannot be written.
    """
    from viewfinder.data.audit import duplicate_groups, survey

    found = duplicate_groups(survey(dataset, progress=progress))
    return Groups(together(found.keys()), found.keys(near=False), "duplicates")


def together(*keys: NDArray[np.integer] | Keys) -> Keys:
    """The keys of what is connected by any of these keys: the lowest row of each group.

    Args:
        keys: Each int, shape `(n,)`.
    """
    first, *others = keys
    joined = _lowest(np.unique(first, return_inverse=True)[1].astype(np.int64))
    for other in others:
        joined = _connected(joined, _lowest(np.unique(other, return_inverse=True)[1]))
    return joined


def _lowest(codes: NDArray[np.integer]) -> Keys:
    """The lowest row with the same code, for each row; rows with a code below 0 stand alone."""
    rows = np.arange(len(codes), dtype=np.int64)
    lowest = np.full(int(codes.max(initial=-1)) + 1, len(codes), np.int64)
    has_code = codes >= 0
    np.minimum.at(lowest, codes[has_code], rows[has_code])
    rows[has_code] = lowest[codes[has_code]]
    return rows


def _connected(one: Keys, other: Keys) -> Keys:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    rows = np.arange(len(one))
    ends = np.concatenate([one, other])
    starts = np.concatenate([rows, rows])
    links = coo_matrix((np.ones(len(ends), np.int8), (starts, ends)), shape=(len(one), len(one)))
    return _lowest(connected_components(links, directed=False)[1])
