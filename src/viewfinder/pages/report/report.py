"""A run's folder as its report shows it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.evaluation.answers import arrays_of
from viewfinder.evaluation.baselines import Baseline, majority
from viewfinder.evaluation.calibration import fit_temperature
from viewfinder.evaluation.doctor import Diagnosis
from viewfinder.evaluation.metrics import Metrics, measure
from viewfinder.pages.report.further import Further
from viewfinder.run_folder import RunFolder

# From the most to the least telling about new pictures.
_SPLITS = ("test", "validation", "train")


@dataclass(frozen=True, eq=False)
class Report(RunFolder):
    """A run's folder, each file of which is read once, and what the folder does not hold.

    Attributes:
        diagnosis: The doctor's verdicts.
        picture: From a locator to upright uint8 RGB, `(height, width, 3)`, or None where the file
            is gone; called from several threads.
        further: What needs the model once more; empty at the end of a training.
    """

    diagnosis: Diagnosis
    picture: Callable[[str], NDArray[np.uint8] | None]
    further: Further = field(default_factory=Further)

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

    @cached_property
    def figures(self) -> Metrics | None:
        """The figures of the headline split, with intervals; None where nothing was scored."""
        if self.headline is None or self.answers.empty:
            return None
        return measure(*arrays_of(self.answers, self.classes), self.classes)

    @cached_property
    def temperature(self) -> float | None:
        """The one that the validation pictures suggest; None where these are the headline split."""
        rows = self.predictions[self.predictions["split"] == "validation"]
        if self.figures is None or rows.empty or self.headline_split == "validation":
            return None
        return fit_temperature(*arrays_of(rows, self.classes))

    @cached_property
    def tempered(self) -> Metrics | None:
        """The figures of the headline split at this temperature."""
        if self.figures is None or self.temperature is None:
            return None
        return self.figures.at_temperature(self.temperature)

    @cached_property
    def baselines(self) -> tuple[Baseline, ...]:
        """The baselines on the headline split: those of `further`, or the commonest class."""
        trained = self.usable.loc[self.usable["split"] == "train", "label"]
        if self.figures is None or trained.empty:
            return ()
        if self.further.baselines:
            return self.further.baselines
        return (
            majority(pd.Index(self.classes).get_indexer(pd.Index(trained)), self.figures.labels),
        )

    @property
    def usable(self) -> pd.DataFrame:
        """The pictures that were not rejected."""
        return self.data[self.data["status"] == "ok"]
