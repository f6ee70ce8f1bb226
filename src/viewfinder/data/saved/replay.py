"""Apply the entries of a journal to the table, except those that are undone.

Operates on tables only. In the *state* of a dataset every column but `bytes` is text, and
`quarantine` holds the reason why a picture is left out ("" for others).
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

from viewfinder.core.errors import DataError, UsageError
from viewfinder.data.saved.journal import COLUMNS, NOTE, Entry

# The column with the reason why a picture is left out of the dataset.
QUARANTINE = "quarantine"


def standing(entries: Sequence[Entry]) -> frozenset[int]:
    """The numbers of the entries that are not undone; undoing an undo restores the entry."""
    undone: set[int] = set()
    for entry in reversed(entries):
        if entry.undoes is not None and entry.number not in undone:
            undone.add(entry.undoes)
    return frozenset(entry.number for entry in entries) - undone


def replay(table: pd.DataFrame, made: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Apply changes to a table in order, and return its state.

    Changes of an unknown picture add it, if they give it a label.

    Args:
        table: The columns of a dataset's table, sorted by locator.
        made: Tables of `locator`, `column`, `before` and `after`, all text.

    Returns:
        The state: the table with the column `quarantine`, sorted by locator.

    Raises:
        DataError: A change gives a picture an invalid size.
    """
    state = table.assign(bytes=table["bytes"].astype(str))
    if QUARANTINE not in state:
        state[QUARANTINE] = ""
    state = state.set_index("locator")
    for change in made:
        state = _changed(state, change)
    state = state[state["label"] != ""]  # added by an entry that is undone
    if not state.index.is_monotonic_increasing:
        state = state.sort_index()
    try:
        sizes = state["bytes"].replace("", "-1").astype(np.int64)
    except (ValueError, OverflowError) as error:
        raise DataError("The journal gives a picture a size that is not a number.") from error
    return state.assign(bytes=sizes).reset_index()


def _changed(state: pd.DataFrame, change: pd.DataFrame) -> pd.DataFrame:
    added = pd.Index(change["locator"].unique(), name="locator").difference(state.index)
    if len(added):
        state = state.reindex(state.index.append(added), fill_value="")
    columns: dict[str, pd.Series] = {}
    for column, rows in change.groupby("column", sort=False):
        name = str(column)
        values = state[name].to_numpy(object, copy=True) if name in state else _blank(len(state))
        values[state.index.get_indexer(pd.Index(rows["locator"]))] = rows["after"].to_numpy(object)
        columns[name] = pd.Series(values, state.index, "str")
    return state.assign(**columns)


def _blank(count: int) -> np.ndarray:
    return np.full(count, "", object)


def changes(
    table: pd.DataFrame, locators: Iterable[str], column: str, after: str | Iterable[str]
) -> pd.DataFrame:
    """Return the changes, for `SavedDataset.append`, that set a column of these pictures.

    Args:
        table: The present table, such as `SavedDataset.state`. Unknown pictures are added, and need
            a `label` (and should have `bytes` and `split`) in the same entry.
        locators: The pictures.
        column: `label`, `split`, `group`, `quarantine` (the reason), or any other column.
        after: The new value of each picture, or one value for all.

    Returns:
        The columns `locator`, `column`, `before` and `after`, without pictures that have the value
        already.
    """
    names = pd.Index(list(locators), dtype="str")
    values = [after] * len(names) if isinstance(after, str) else list(after)
    frame = pd.DataFrame({"locator": names, "column": column, "before": "", "after": values})
    frame = frame.astype("str")
    frame["before"] = before(table, frame)
    return frame[frame["before"] != frame["after"]].reset_index(drop=True)


def before(state: pd.DataFrame, wanted: pd.DataFrame) -> pd.Series:
    """The present value of each cell as text; "" for missing cells.

    Args:
        state: The present table.
        wanted: The columns `locator` and `column`, with rows numbered from 0.
    """
    index = pd.Index(state["locator"])
    found = pd.Series("", wanted.index, "str")
    for column, rows in wanted.groupby("column", sort=False):
        if column not in state:
            continue
        positions = index.get_indexer(pd.Index(rows["locator"]))
        known = positions >= 0
        values = state[column].astype(str).to_numpy(object)[positions[known]]
        found.loc[rows.index[known]] = values
    return found


def check_changes(changes: pd.DataFrame) -> None:
    """Raise `UsageError` unless the changes are valid for :meth:`SavedDataset.append`."""
    if missing := [name for name in COLUMNS if name not in changes]:
        raise UsageError("Changes lack a column.", expected=", ".join(COLUMNS), received=missing[0])
    if not len(changes):
        raise UsageError("There are no changes.")
    texts = [*COLUMNS, *([NOTE] if NOTE in changes else [])]
    if any(infer_dtype(changes[name], skipna=False) != "string" for name in texts):
        raise UsageError("Changes are text.", expected=", ".join(COLUMNS))
    if changes.duplicated(["locator", "column"]).any():
        raise UsageError("A cell is changed twice.", expected="each locator and column once")
    if (changes["column"] == "locator").any():
        raise UsageError("This column cannot be changed.", received="locator")
