"""Write a split as an entry of a saved dataset's journal, which can be undone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from viewfinder.data.saved import Decision, SavedDataset, changes
from viewfinder.data.saved.output import is_in_place, save_decisions
from viewfinder.data.splits.folds import FOLD
from viewfinder.data.splits.groups import GROUP
from viewfinder.split.plan import SplitUp

_COLUMNS = ("split", FOLD, GROUP)


def save(made: SplitUp, output: Path, settings: Mapping[str, Any]) -> SavedDataset:
    """Write a split to a new saved dataset, or to the journal of the one that was split.

    Args:
        made: The split.
        output: The new folder; or the saved dataset that was split.
        settings: The options the data was opened with; `extend` uses them again.

    Raises:
        OutputError: The folder is another dataset, is inside the pictures' own, or cannot be
            written.
        DataError: Another process has changed the same pictures.
    """
    is_known = is_in_place(made.opened, output)
    known = SavedDataset.open(output).state if is_known else made.opened.table
    return save_decisions(made.opened, output, _decisions(made, known, "split"), opened=settings)


def save_extension(saved: SavedDataset, made: SplitUp) -> None:
    """Write what `extend` has placed, if anything.

    Raises:
        DataError: Another process has changed the same pictures.
        OutputError: The folder cannot be written.
    """
    for decision in _decisions(made, saved.state, "extend"):
        saved.append(decision.verb, decision.why, decision.changes, decision.options)


def _decisions(made: SplitUp, known: pd.DataFrame, verb: str) -> list[Decision]:
    """The entry that turns the table `known` into the dataset after the split, if they differ."""
    table = made.dataset.table
    columns = [name for name in _COLUMNS if name in table]
    frames = [changes(known, table["locator"], name, table[name].astype(str)) for name in columns]
    added = table[~np.asarray(table["locator"].isin(known["locator"]))]
    if len(added):
        frames += [
            changes(known, added["locator"], name, added[name].astype(str))
            for name in ("label", "bytes")
        ]
    sizes = ", ".join(f"{count:,} {name}" for name, count in made.dataset.split_sizes().items())
    why = f"{made.placed:,} pictures placed: now {sizes}"
    changed, options = pd.concat(frames, ignore_index=True), made.plan.model_dump(mode="json")
    return [Decision(verb, why, changed, options)] if len(changed) else []
