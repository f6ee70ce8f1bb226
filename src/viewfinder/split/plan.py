"""The settings of a split, and its result."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from viewfinder.core.errors import UsageError
from viewfinder.core.records import as_expected
from viewfinder.data.dataset import Dataset
from viewfinder.data.splits.folds import fold_counts
from viewfinder.data.splits.groups import Groups
from viewfinder.data.splits.shares import require_shares


class Copies(StrEnum):
    """Which duplicates of a picture stay in its split."""

    NEAR = "near"
    EXACT = "exact"
    IGNORE = "ignore"


class SplitPlan(BaseModel):
    """The settings of a split; saved with it.

    Attributes:
        validation: The validation split's share of each class.
        test: The test split's share.
        folds: The number of folds for training and validation pictures; 0: none.
        seed: Determines each picture's split.
        copies: Which duplicates stay in one split; None: near ones, or none where there are groups.
        group_from: What finds the group, see :func:`viewfinder.open`; None: the data's own groups.
        anew: Whether existing splits are discarded.
        set_aside: The shares of the splits that did not exist before; set by `split_up`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    validation: float = Field(0.2, ge=0, lt=1)
    test: float = Field(0.0, ge=0, lt=1)
    folds: int = Field(0, ge=0)
    seed: int = Field(0, ge=0)
    copies: Copies | None = None
    group_from: str | None = None
    anew: bool = False
    set_aside: Mapping[str, float] = {}

    @classmethod
    def made(cls, **settings: Any) -> "SplitPlan":
        """Return a plan with these settings.

        Raises:
            UsageError: A setting is invalid.
        """
        require_shares(settings.get("validation", 0.2), settings.get("test", 0.0))
        try:
            return cls(**settings)
        except ValidationError as error:
            first = error.errors()[0]
            expected, remedy = as_expected(first)
            raise UsageError(
                f"The setting `{first['loc'][0]}` of a split is invalid.",
                expected=expected,
                received=repr(first["input"]),
                remedy=remedy,
            ) from error


@dataclass(frozen=True)
class SplitUp:
    """A dataset whose pictures are all in a split.

    Attributes:
        opened: The dataset before the split.
        dataset: The dataset after the split.
        plan: The settings.
        groups: What was kept in one split; None where groups were ignored.
        placed: The number of pictures whose split changed.
    """

    opened: Dataset
    dataset: Dataset
    plan: SplitPlan
    groups: Groups | None
    placed: int

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of the split."""
        return self.dataset.notes[len(self.opened.notes) :]

    def counts(self) -> pd.DataFrame:
        """Pictures per class (rows) and split, or fold (columns)."""
        counts, in_folds = self.dataset.counts(), self._fold_counts()
        if in_folds.empty:
            return counts
        tests = counts[["test"]] if "test" in counts else counts[[]]
        return in_folds.add_prefix("fold ").join(tests)

    def to_json(self) -> dict[str, Any]:
        """The document that `viewfinder split --json` prints; see docs/formats.md."""
        counts, in_folds = self.dataset.counts(), self._fold_counts()
        sizes = np.array([], np.int64) if self.groups is None else self.groups.sizes
        return {
            "schema": 1,
            "source": str(self.opened.source),
            "pictures": {name: counts[name].to_dict() for name in counts},
            "folds": {fold: in_folds[fold].to_dict() for fold in in_folds},
            "placed": self.placed,
            "groups": {
                "count": len(sizes),
                "pictures": int(sizes.sum()),
                "largest": int(sizes.max(initial=0)),
            },
            "plan": self.plan.model_dump(mode="json"),
            "notes": list(self.notes),
        }

    def _fold_counts(self) -> pd.DataFrame:
        return fold_counts(self.dataset.table, self.dataset.classes)
