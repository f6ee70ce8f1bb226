"""The table that splits work on, and what placing its pictures returns."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.core.words import counted

SPLITS = ("train", "validation", "test")

# The split of a picture that has not been placed yet.
UNSPLIT = ""


class Placed(NamedTuple):
    """A table whose pictures have been placed.

    Attributes:
        table: The table, with new values in `split` and perhaps `fold`.
        notes: What was done, for the user.
    """

    table: pd.DataFrame
    notes: tuple[str, ...] = ()


def unsplit_among_split(table: pd.DataFrame) -> int:
    """The number of pictures without a split, if others have one; else 0."""
    are_unsplit = table["split"] == UNSPLIT
    return 0 if are_unsplit.all() else int(are_unsplit.sum())


def with_all_split(table: pd.DataFrame) -> Placed:
    """The table with the pictures without a split in training, if others have a split.

    So do all stages: such pictures are back from quarantine, or were never placed.
    """
    count = unsplit_among_split(table)
    if not count:
        return Placed(table)
    table = with_splits(table, table["split"].replace(UNSPLIT, "train").to_numpy(object))
    had = counted(count, "picture had")
    return Placed(table, (f"{had} no split beside others that have one: now in train.",))


def class_indices(table: pd.DataFrame, classes: Sequence[str]) -> NDArray[np.int64]:
    """Each row's class as an index into `classes`, int64, shape `(n,)`; -1 for other labels."""
    return pd.Index(classes).get_indexer(pd.Index(table["label"])).astype(np.int64)


def with_splits(table: pd.DataFrame, splits: NDArray[np.object_]) -> pd.DataFrame:
    """The table with these splits, one for each row."""
    column = table["split"]
    return table.assign(split=pd.Series(splits, column.index, column.dtype))
