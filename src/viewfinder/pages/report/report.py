"""A run's folder as its report shows it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.evaluation.doctor import Diagnosis
from viewfinder.run_folder import RunFolder

# From the most to the least telling about new pictures.
_SPLITS = ("test", "validation", "train")


@dataclass(frozen=True, eq=False)
class Report(RunFolder):
    """A run's folder, each file of which is read once, and what the folder does not hold.

    Attributes:
        diagnosis: The doctor's verdicts.
        picture: From a locator to upright uint8 RGB, `(height, width, 3)`, or None where the file
            is gone.
    """

    diagnosis: Diagnosis
    picture: Callable[[str], NDArray[np.uint8] | None]

    @cached_property
    @override
    def metrics(self) -> dict[str, Any]:
        return super().metrics

    @cached_property
    @override
    def history(self) -> pd.DataFrame:
        return super().history

    @cached_property
    @override
    def data(self) -> pd.DataFrame:
        return super().data

    @cached_property
    @override
    def predictions(self) -> pd.DataFrame:
        return super().predictions

    @property
    def created(self) -> str:
        """When the run was begun."""
        moment = datetime.fromisoformat(self.environment["created"])
        return f"{moment.day} {moment:%B %Y, %H:%M}"

    @property
    def headline_split(self) -> str | None:
        """The most independent split that was evaluated; its accuracy is the report's headline."""
        return next((split for split in _SPLITS if self.metrics.get(split)), None)

    @property
    def headline(self) -> Mapping[str, Any] | None:
        """The scores of that split, as `Scores.to_json` gives them."""
        return self.metrics[self.headline_split] if self.headline_split else None

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose weights were kept, from 1."""
        return self.metrics.get("best_epoch")

    @property
    def answers(self) -> pd.DataFrame:
        """The predictions for the headline split."""
        return self.predictions[self.predictions["split"] == self.headline_split]

    @property
    def mistakes(self) -> pd.DataFrame:
        """The wrong predictions for the headline split, the most confident first."""
        answers = self.answers
        wrong = answers[answers["label"] != answers["predicted"]]
        return wrong.sort_values("confidence", ascending=False, kind="stable")

    @property
    def usable(self) -> pd.DataFrame:
        """The pictures that were not rejected."""
        return self.data[self.data["status"] == "ok"]
