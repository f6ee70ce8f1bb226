"""The input of the doctor's rules: numbers, tables and the recipe of a training."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.data.contradictions import contradicting
from viewfinder.data.dataset import SPLITS
from viewfinder.evaluation.doctor.setup import Setup
from viewfinder.evaluation.doctor.verdict import Try, rate_flag
from viewfinder.recipe import Recipe
from viewfinder.recipe.stopping import GOES_ON
from viewfinder.run_folder import RunFolder, of_kept_phase
from viewfinder.run_folder.files import UnitsOfLayer
from viewfinder.split.leaks import INSEPARABLE, LEAK

# The fewest epochs whose curves show a trend, and the fewest steps after which a fit can be judged.
_READABLE_EPOCHS, _FEWEST_STEPS = 15, 20

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A training that has ended.

    Attributes:
        history: A row per epoch of the phase whose model was kept: `epoch` (from 1), `loss`,
            `accuracy`, and with a validation split `val_loss`, `val_accuracy`. Values may be NaN.
        scores: The scores of each evaluated split, without augmentation and dropout, as
            :func:`viewfinder.evaluation.evaluate.score_split` returns them.
        recipe: The run's recipe.
        class_counts: The number of training pictures of each class.
        best_epoch: The epoch whose weights were kept, from 1, or None.
        decisions: What the validation pictures chose, as objects of "chose".
        given: The splits that the data came with; None where unknown.
        folds: The accuracy of a solved head on folds of the training pictures; None for others.
        fine_tuning: The content of `fine_tuning.json`; None where nothing was fine-tuned.
        series: The content of `series.json`; None where file names carry no series.
        contradicting: The pictures whose bytes occur under another label, too.
        interrupted: Whether the training was stopped by Ctrl-C, a kill or its time limit.
        diverged: The reason where the loss became NaN or infinite, else ""; the history has no row
            for that epoch.
        copies: The number of validation and test pictures whose bytes equal those of a training
            picture; None where unknown.
        inseparable: Whether no split keeps the groups of near duplicates together.
        units: The activations of each layer with ReLU; None where they were not measured.
        stages: The seconds of each stage of the training; empty where unknown.
    """

    history: pd.DataFrame
    scores: Mapping[str, Mapping[str, Any]]
    recipe: Recipe
    class_counts: Mapping[str, int]
    best_epoch: int | None = None
    decisions: tuple[str, ...] = ()
    given: frozenset[str] | None = None
    folds: float | None = None
    fine_tuning: Mapping[str, Any] | None = None
    series: Mapping[str, Any] | None = None
    contradicting: int = 0
    interrupted: bool = False
    diverged: str = ""
    copies: int | None = None
    inseparable: bool = False
    units: Sequence[UnitsOfLayer] | None = None
    stages: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def setup(self) -> Setup:
        """The settings of the recipe that the rules need."""
        tuning = self.fine_tuning
        return Setup.of(self.recipe, head_kept=bool(tuning and not tuning["kept"]))

    @cached_property
    def steps(self) -> int:
        """The number of batches that trained, as far as epochs were completed."""
        if self.setup.solved:
            return 0
        tuning = self.recipe.training.fine_tune
        pictures = sum(self.class_counts.values()) * (1 - tuning.set_aside if tuning else 1)
        return len(self.history) * math.ceil(pictures / self.recipe.steps.batch_size)

    @property
    def is_barely_trained(self) -> bool:
        """Whether there were too few steps to judge the fit."""
        return not self.setup.solved and self.steps < _FEWEST_STEPS

    def more_epochs(self, why: str, count: int | None = None) -> tuple[Try, ...]:
        """Suggest `count` epochs, by default twice as many and enough to show a trend.

        Returns:
            Nothing for a solved head, or where another rule ended the training before its last
            epoch and would do so again.
        """
        setup, stop = self.setup, self.recipe.training.stop
        is_limited = not self.interrupted or stop.max_time is not None
        if setup.solved or (len(self.history) < setup.epochs and is_limited):
            return ()
        count = count or max(2 * setup.epochs, _READABLE_EPOCHS)
        if self.is_barely_trained and self.steps:
            count = max(count, math.ceil(2 * _FEWEST_STEPS * len(self.history) / self.steps))
        flag = f"--set training.fine_tune.epochs={count}" if setup.tuned else f"--epochs {count}"
        return (Try(flag, why),)

    def find_rate(self, why: str) -> tuple[Try, ...]:
        """Suggest a range test of the learning rate, where the recipe's first fit has one."""
        if self.recipe.solves_head:
            return ()
        return (Try("viewfinder lr-find DATA --config RUN/recipe.yaml", why),)

    def lower_rate(self, times: int, why: str) -> tuple[Try, ...]:
        """Suggest a fraction of the learning rate; nothing for a solved head."""
        rate = self.setup.learning_rate / times
        return (Try(rate_flag(rate), why),) if rate else ()

    def curve(self, column: str) -> Values:
        """Return a column of the history, float64, shape (n,); empty where it is missing."""
        if column not in self.history:
            return np.zeros(0)
        values: Values = self.history[column].to_numpy(dtype=np.float64)
        return values

    def epoch(self, position: int) -> int:
        """Return the number of the epoch, from 1, at a position of the curves."""
        return int(self.history["epoch"].iloc[position])

    def correct(self, split: str) -> tuple[int, int] | None:
        """Return the numbers of correct predictions and of pictures; None if not evaluated."""
        scores = self.scores.get(split)
        if not scores:
            return None
        return round(scores["accuracy"] * scores["count"]), scores["count"]

    def leaks(self, split: str) -> Mapping[str, int] | None:
        """Return how many pictures of a split are in training, `exact` and `near`, or None."""
        return self.scores[split].get("leaks")

    @cached_property
    def held_out(self) -> str | None:
        """The evaluated split outside training: validation, else test, else None."""
        return next((split for split in ("validation", "test") if self.scores.get(split)), None)

    @property
    def guess(self) -> tuple[str, float]:
        """The largest training class, and its share of the training pictures."""
        if not self.class_counts:
            return "", 1.0
        name = max(self.class_counts, key=lambda label: self.class_counts[label])
        return name, self.class_counts[name] / max(1, sum(self.class_counts.values()))

    @property
    def guessing_loss(self) -> float:
        """The cross-entropy, in nats, of predicting each class with its share in training."""
        total = sum(self.class_counts.values())
        shares = [count / total for count in self.class_counts.values() if count]
        return -math.fsum(share * math.log(share) for share in shares)

    @cached_property
    def is_finite(self) -> bool:
        """Whether every loss of the history is finite."""
        losses = [self.curve(name) for name in ("loss", "val_loss")]
        return bool(np.isfinite(np.concatenate(losses)).all())


def case_of(run: RunFolder) -> Case:
    """Return the case of a run from its files, without opening a model or a picture."""
    metrics = run.metrics if run.is_evaluated else {}
    timing, data = run.timing, run.data
    data = data[data["status"] == "ok"]
    training = data[data["split"] == "train"]
    others = data[data["split"] != "train"]
    given = run.environment["data"].get("given")
    probe = run.probe
    return Case(
        history=of_kept_phase(run.history),
        scores={split: metrics[split] for split in SPLITS if split in metrics},
        recipe=run.recipe,
        class_counts={
            str(name): int(count) for name, count in training["label"].value_counts().items()
        },
        best_epoch=metrics.get("best_epoch"),
        decisions=run.decisions,
        given=None if given is None else frozenset(given),
        folds=probe["accuracy"] if probe else None,
        fine_tuning=run.fine_tuning,
        series=run.series,
        contradicting=len(contradicting(data)),
        interrupted=timing.get("ended", "interrupted") in GOES_ON,
        diverged=timing["why"] if timing.get("ended") == "diverged" else "",
        copies=int(others["content"].isin(set(training["content"])).sum()),
        inseparable=LEAK in data and bool((data[LEAK] == INSEPARABLE).any()),
        units=run.units,
        stages=timing.get("stages_s") or {},
    )
