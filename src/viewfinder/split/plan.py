"""What a split is made by, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from viewfinder.core.errors import UsageError
from viewfinder.data.dataset import Dataset
from viewfinder.data.splits.folds import fold_counts
from viewfinder.data.splits.groups import Groups
from viewfinder.data.splits.shares import require_shares


class Copies(StrEnum):
    """Which copies of a picture are kept on its side."""

    NEAR = "near"
    EXACT = "exact"
    IGNORE = "ignore"


class SplitPlan(BaseModel):
    """What a split is made by; it is written down with it.

    Attributes:
        validation: The validation split's share of each class.
        test: The test split's share.
        folds: How many folds validation and training are dealt into; 0: none.
        seed: Decides which picture goes where.
        copies: Which copies stay on one side; None: near duplicates, unless there are groups.
        group_from: The pattern that tells groups by the files' names; None: groups are those that
            the data came with.
        anew: Whether splits that the data came with are forgotten.
        carved: The shares of the splits that were made, and not found: filled in by `split_up`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    validation: float = Field(0.2, ge=0, lt=1)
    test: float = Field(0.0, ge=0, lt=1)
    folds: int = Field(0, ge=0)
    seed: int = Field(0, ge=0)
    copies: Copies | None = None
    group_from: str | None = None
    anew: bool = False
    carved: Mapping[str, float] = {}

    @classmethod
    def made(cls, **settings: Any) -> "SplitPlan":
        """A plan from what a user has said.

        Raises:
            UsageError: A setting cannot be.
        """
        require_shares(settings.get("validation", 0.2), settings.get("test", 0.0))
        try:
            return cls(**settings)
        except ValidationError as error:
            first = error.errors()[0]
            raise UsageError(
                f"A split's {first['loc'][0]} cannot be used.",
                expected=first["msg"][0].lower() + first["msg"][1:],
                received=repr(first["input"]),
            ) from error


@dataclass(frozen=True)
class SplitUp:
    """A dataset whose pictures all have their side.

    Attributes:
        opened: The dataset as it came.
        dataset: The same, split.
        plan: What by.
        groups: What was kept on one side; None where nothing was looked for.
        placed: How many pictures have got a side that they had not before.
    """

    opened: Dataset
    dataset: Dataset
    plan: SplitPlan
    groups: Groups | None
    placed: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say of the splitting."""
        return self.dataset.notes[len(self.opened.notes) :]

    def counts(self) -> pd.DataFrame:
        """Pictures per class (rows) and split, or fold (columns)."""
        counts, dealt = self.dataset.counts(), fold_counts(self.dataset)
        if dealt.empty:
            return counts
        tests = counts[["test"]] if "test" in counts else counts[[]]
        return dealt.add_prefix("fold ").join(tests)

    def to_json(self) -> dict[str, Any]:
        """What `viewfinder split --json` prints; see docs/formats.md."""
        counts = self.dataset.counts()
        dealt = fold_counts(self.dataset)
        sizes = np.array([], np.int64) if self.groups is None else self.groups.sizes
        return {
            "schema": 1,
            "source": str(self.opened.source),
            "pictures": {name: counts[name].to_dict() for name in counts},
            "folds": {fold: dealt[fold].to_dict() for fold in dealt},
            "placed": self.placed,
            "groups": {
                "count": len(sizes),
                "pictures": int(sizes.sum()),
                "largest": int(sizes.max(initial=0)),
            },
            "plan": self.plan.model_dump(mode="json"),
            "notes": list(self.notes),
        }
