"""The table that splits work on, and what placing its pictures returns."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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


def class_indices(table: pd.DataFrame, classes: Sequence[str]) -> NDArray[np.int64]:
    """Each row's class as an index into `classes`, int64, shape `(n,)`; -1 for other labels."""
    return pd.Index(classes).get_indexer(pd.Index(table["label"])).astype(np.int64)


def with_splits(table: pd.DataFrame, splits: NDArray[np.object_]) -> pd.DataFrame:
    """The table with these splits, one for each row."""
    column = table["split"]
    return table.assign(split=pd.Series(splits, column.index, column.dtype))
