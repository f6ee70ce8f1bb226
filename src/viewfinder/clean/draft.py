"""A plan of cleaning, and its making: each decision sees what those before it have left."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from viewfinder.audit.finding import listed
from viewfinder.audit.likeness import Rows
from viewfinder.core.errors import UsageError, nearest
from viewfinder.data.dataset import Dataset
from viewfinder.data.saved import QUARANTINE, Decision, changes

_KEPT = "test before validation before training, then the largest picture, then by name"


@dataclass(frozen=True, eq=False)
class CleaningPlan:
    """What cleaning would do.

    Attributes:
        dataset: The pictures before.
        decisions: What would be written into the journal, in order.
        warnings: What the user should know before it is done.
    """

    dataset: Dataset
    decisions: tuple[Decision, ...]
    warnings: tuple[str, ...] = ()

    @property
    def table(self) -> pd.DataFrame:
        """A row a decision: what is done, to how many pictures, why, and the first of them."""
        rows = [
            (one.verb, one.pictures, one.why, listed(list(one.changes["locator"]), 3))
            for one in self.decisions
        ]
        return pd.DataFrame(rows, columns=["verb", "pictures", "why", "examples"])

    @property
    def leaves(self) -> int:
        """How many pictures the dataset would have."""
        taken: set[str] = set()
        for one in self.decisions:
            taken |= set(one.changes.loc[one.changes["column"] == QUARANTINE, "locator"])
        return len(self.dataset) - len(taken)

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
                    "verb": one.verb,
                    "why": one.why,
                    "pictures": one.changes.drop(columns="column").to_dict("records"),
                }
                for one in self.decisions
            ],
        }


class Draft:
    """A plan in the making: the table as the decisions so far leave it."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._table = dataset.table.assign(**{QUARANTINE: ""})
        self._index = pd.Index(self._table["locator"])
        self._gone = np.zeros(len(dataset), np.bool_)
        self._decisions: list[Decision] = []

    def rows(self, locators: Iterable[str]) -> Rows:
        """The rows of these pictures.

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
                remedy="`viewfinder audit --json` names them as they are called here",
            )
        found: Rows = rows.astype(np.int64)
        return found

    def differ(self, column: str, group: Rows) -> bool:
        """Whether the pictures of a group that are left differ in a column."""
        left = group[~self._gone[group]]
        return self._table[column].iloc[left].nunique() > 1

    def relabel(self, labels: Mapping[str, str]) -> None:
        """Give pictures other labels."""
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
        self._decide("relabel", "given by hand", changed)

    def take_out(
        self, rows: Iterable[int], verb: str, why: str, notes: Iterable[str] | None = None
    ) -> None:
        """Put pictures into quarantine, those that are not there yet."""
        wanted = np.fromiter(rows, np.int64)
        said = pd.Series(list(notes) if notes is not None else "", range(len(wanted)), dtype="str")
        left = ~self._gone[wanted]
        changed = changes(self._table, self._index[wanted[left]], QUARANTINE, why)
        self._gone[wanted] = True
        self._decide(verb, why, changed.assign(note=said[left].array))

    def keep_one(self, groups: Iterable[Rows], why: str) -> None:
        """Of each group under one label, keep the best that is left."""
        rank = self._ranks()
        lost: list[int] = []
        notes: list[str] = []
        for group in groups:
            left = group[~self._gone[group]]
            if len(left) < 2 or self.differ("label", left):
                continue
            kept = left[np.argmin(rank[left])]
            lost += [int(row) for row in left if row != kept]
            notes += [f"kept: {self._index[kept]}"] * (len(left) - 1)
        self.take_out(lost, "keep-one", why, notes)

    def plan(self) -> CleaningPlan:
        """What has been decided."""
        left = set(self._table["label"][~self._gone])
        had = set(self._dataset.table["label"])
        warnings = [f"The class {name} would have no picture left." for name in sorted(had - left)]
        return CleaningPlan(self._dataset, tuple(self._decisions), tuple(warnings))

    def _decide(self, verb: str, why: str, changed: pd.DataFrame) -> None:
        if len(changed):
            options = {"kept": _KEPT} if verb == "keep-one" else {}
            self._decisions.append(Decision(verb, why, changed, options))

    def _ranks(self) -> Rows:
        """Each row's place in the order in which copies are kept, the best first."""
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
