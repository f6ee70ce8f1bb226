"""Collect the decisions of a cleaning, each based on the result of those before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from viewfinder.audit.likeness import Rows
from viewfinder.core.errors import UsageError, nearest
from viewfinder.core.words import listed
from viewfinder.data.dataset import Dataset
from viewfinder.data.saved import QUARANTINE, Decision, changes

_KEPT = "test before validation before training, then the largest picture, then by name"


@dataclass(frozen=True, eq=False)
class CleaningPlan:
    """The decisions of a cleaning, before they are written.

    Attributes:
        dataset: The dataset before the cleaning.
        decisions: The entries for the journal, in order.
        warnings: What the user should know before they are written.
    """

    dataset: Dataset
    decisions: tuple[Decision, ...]
    warnings: tuple[str, ...] = ()

    @property
    def table(self) -> pd.DataFrame:
        """A row for each decision: verb, number of pictures, reason, and the first pictures."""
        rows = [
            (made.verb, made.pictures, made.why, listed(list(made.changes["locator"]), 3))
            for made in self.decisions
        ]
        return pd.DataFrame(rows, columns=["verb", "pictures", "why", "examples"])

    @property
    def leaves(self) -> int:
        """The number of pictures after the cleaning."""
        held: set[str] = set()
        for decision in self.decisions:
            changed = decision.changes
            held |= set(changed.loc[changed["column"] == QUARANTINE, "locator"])
        return len(self.dataset) - len(held)

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False))

    def to_json(self) -> dict[str, Any]:
        """The document that `viewfinder clean --json` prints; see docs/formats.md."""
        return {
            "schema": 1,
            "source": str(self.dataset.source),
            "pictures": len(self.dataset),
            "leaves": self.leaves,
            "warnings": list(self.warnings),
            "decisions": [
                {
                    "verb": made.verb,
                    "why": made.why,
                    "pictures": made.changes.drop(columns="column").to_dict("records"),
                }
                for made in self.decisions
            ],
        }


class Draft:
    """The table after the decisions so far."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._table = dataset.table.assign(**{QUARANTINE: ""})
        self._index = pd.Index(self._table["locator"])
        self._is_held = np.zeros(len(dataset), np.bool_)
        self._decisions: list[Decision] = []

    def rows(self, locators: Iterable[str]) -> Rows:
        """Return the rows of these pictures.

        Raises:
            UsageError: There is no such picture.
        """
        names = list(locators)
        rows = self._index.get_indexer(pd.Index(names, dtype="str"))
        if (rows < 0).any():
            unknown = names[int(np.flatnonzero(rows < 0)[0])]
            raise UsageError(
                f"The dataset has no picture {unknown}.",
                expected=f"a path such as {self._index[0]}",
                remedy="`viewfinder audit` lists the paths",
            )
        found: Rows = rows.astype(np.int64)
        return found

    def differ(self, column: str, group: Rows) -> bool:
        """Whether the pictures of a group that are not in quarantine differ in a column."""
        left = group[~self._is_held[group]]
        return self._table[column].iloc[left].nunique() > 1

    def relabel(self, labels: Mapping[str, str]) -> None:
        """Give pictures other labels.

        Raises:
            UsageError: There is no such class or picture.
        """
        for label in dict.fromkeys(labels.values()):
            if label not in self._dataset.classes:
                raise UsageError(
                    f"There is no class {label!r}.", remedy=nearest(label, self._dataset.classes)
                )
        rows = self.rows(labels)
        values = self._table["label"].to_numpy(object, copy=True)
        values[rows] = list(labels.values())
        changed = changes(self._table, labels, "label", labels.values())
        self._table["label"] = pd.Series(values, self._table.index, "str")
        self._decide("relabel", "chosen by hand", changed)

    def quarantine(
        self,
        rows: Iterable[int],
        why: str,
        notes: Iterable[str] | None = None,
        *,
        verb: str = "quarantine",
    ) -> None:
        """Put pictures into quarantine; those in it already stay unchanged."""
        held = np.fromiter(rows, np.int64)
        note = pd.Series(list(notes) if notes is not None else "", range(len(held)), dtype="str")
        is_new = ~self._is_held[held]
        changed = changes(self._table, self._index[held[is_new]], QUARANTINE, why)
        self._is_held[held] = True
        self._decide(verb, why, changed.assign(note=note[is_new].array))

    def keep_one(self, groups: Iterable[Rows], why: str) -> None:
        """Of each group with one label, keep the best picture that is not in quarantine."""
        rank = self._ranks()
        lost: list[int] = []
        notes: list[str] = []
        for group in groups:
            left = group[~self._is_held[group]]
            if len(left) < 2 or self.differ("label", left):
                continue
            kept = left[np.argmin(rank[left])]
            lost += [int(row) for row in left if row != kept]
            notes += [f"kept: {self._index[kept]}"] * (len(left) - 1)
        self.quarantine(lost, why, notes, verb="keep-one")

    def plan(self) -> CleaningPlan:
        """Return the plan with the decisions so far."""
        left = set(self._table["label"][~self._is_held])
        had = set(self._dataset.table["label"])
        warnings = [f"The class {name} would have no picture left." for name in sorted(had - left)]
        if not left:
            warnings = ["No picture would be left."]
        return CleaningPlan(self._dataset, tuple(self._decisions), tuple(warnings))

    def _decide(self, verb: str, why: str, changed: pd.DataFrame) -> None:
        if len(changed):
            options = {"kept": _KEPT} if verb == "keep-one" else {}
            self._decisions.append(Decision(verb, why, changed, options))

    def _ranks(self) -> Rows:
        """Each row's rank in the order in which duplicates are kept, 0 for the best."""
        table = self._table
        order = pd.DataFrame(
            {
                "split": table["split"].map({"test": 0, "validation": 1}).fillna(2),
                "pixels": -table["width"] * table["height"],
                "bytes": -table["bytes"],
                "locator": table["locator"],
            }
        )
        ranks = np.empty(len(table), np.int64)
        ranks[order.sort_values(list(order.columns)).index] = np.arange(len(table))
        return ranks
