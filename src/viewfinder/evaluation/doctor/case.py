"""The input of the doctor's rules: numbers, tables and the recipe of a training."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.data.dataset import SPLITS
from viewfinder.evaluation.doctor.verdict import Try
from viewfinder.recipe import Recipe
from viewfinder.recipe.stopping import GOES_ON
from viewfinder.recipe.training import Solve, SolveThenTune
from viewfinder.recipe.transfer import Transfer
from viewfinder.run_folder import RunFolder

# The fewest epochs whose curves show a trend.
_READABLE_EPOCHS = 15

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Setup:
    """The settings of a recipe that the rules need.

    Attributes:
        epochs: The number of epochs; of the fine-tuning where a head is solved first.
        learning_rate: The highest learning rate; 0 for a solved head.
        schedule: The kind of the learning rate's schedule.
        augment: The policy's name, "own" for a plan, or "none".
        mixup: The share of training pictures that are blended with others, 0 to 1.
        dropout: The share of units that are dropped in training, 0 to 1.
        penalty: The larger of the L2 penalty and the weight decay.
        balance: How classes of uneven size are balanced, or "none".
        averaged: The window, in epochs, over which weights are averaged; 0 for none.
        solved: Whether the head is linear and solved, without epochs.
        on_base: Whether the model starts from a pretrained base.
        on_features: Whether only a head is fitted, on stored features of the base.
        isolated: Whether subjects are cut out of their scenes.
        tuned: Whether the base is fine-tuned after its head was solved.
    """

    epochs: int
    learning_rate: float
    schedule: str = "constant"
    augment: str = "none"
    mixup: float = 0.0
    dropout: float = 0.0
    penalty: float = 0.0
    balance: str = "none"
    averaged: float = 0.0
    solved: bool = False
    on_base: bool = False
    on_features: bool = False
    isolated: bool = False
    tuned: bool = False

    @property
    def longer(self) -> int:
        """The number of epochs to suggest where more may help, the same in every rule."""
        return max(2 * self.epochs, _READABLE_EPOCHS)

    def more_epochs(self, why: str, count: int | None = None) -> tuple[Try, ...]:
        """Suggest `count` epochs, by default `longer`; nothing for a solved head."""
        count = count or self.longer
        if self.solved:
            return ()
        flag = f"--set training.fine_tune.epochs={count}" if self.tuned else f"--epochs {count}"
        return (Try(flag, why),)

    @classmethod
    def of(cls, recipe: Recipe) -> "Setup":
        """Return the settings of a recipe that the rules need."""
        training, model = recipe.training, recipe.model
        augment = training.augment if isinstance(training.augment, str) else "own"
        dropout, l2 = getattr(model, "dropout", 0.0), getattr(model, "l2", 0.0)
        on_base = isinstance(model, Transfer)
        isolated = recipe.input.isolate
        if isinstance(training, Solve):
            return cls(
                epochs=1,
                learning_rate=0.0,
                augment=augment,
                dropout=dropout,
                penalty=l2,
                solved=True,
                on_base=on_base,
                on_features=True,
                isolated=isolated,
            )
        tuned = isinstance(training, SolveThenTune)
        return cls(
            epochs=recipe.steps.epochs,
            learning_rate=training.optimizer.learning_rate,
            schedule=training.schedule.kind,
            augment=augment,
            mixup=training.mixup,
            dropout=dropout,
            penalty=max(l2, training.optimizer.weight_decay),
            balance=training.balance,
            averaged=training.average_epochs,
            on_base=on_base,
            on_features=recipe.on_features is not None and training.fine_tune is None,
            isolated=isolated,
            tuned=tuned,
        )


@dataclass(frozen=True)
class Case:
    """A training that has ended.

    Attributes:
        history: A row per epoch: `epoch` (from 1), `loss`, `accuracy`, and with a validation split
            `val_loss`, `val_accuracy`. Values may be NaN.
        scores: The scores of each evaluated split, without augmentation and dropout, as
            :func:`viewfinder.evaluation.evaluate.score_split` returns them.
        recipe: The run's recipe.
        class_counts: The number of training pictures of each class.
        best_epoch: The epoch whose weights were kept, from 1, or None.
        steered_by: The split that chose this epoch, or "".
        interrupted: Whether the training was stopped by Ctrl-C, a kill or its time limit.
        diverged: The reason where the loss became NaN or infinite, else ""; the history has no row
            for that epoch.
        copies: The number of validation and test pictures whose bytes equal those of a training
            picture; None where unknown.
        units: The activations of each layer with ReLU; None where they were not measured.
    """

    history: pd.DataFrame
    scores: Mapping[str, Mapping[str, Any]]
    recipe: Recipe
    class_counts: Mapping[str, int]
    best_epoch: int | None = None
    steered_by: str = "validation"
    interrupted: bool = False
    diverged: str = ""
    copies: int | None = None
    units: "Sequence[LayerHealth] | None" = None

    @cached_property
    def setup(self) -> Setup:
        """The settings of the recipe that the rules need."""
        return Setup.of(self.recipe)

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
    return Case(
        history=run.history,
        scores={split: metrics[split] for split in SPLITS if split in metrics},
        recipe=run.recipe,
        class_counts={
            str(name): int(count) for name, count in training["label"].value_counts().items()
        },
        best_epoch=metrics.get("best_epoch"),
        steered_by=run.steered_by,
        interrupted=timing.get("ended", "interrupted") in GOES_ON,
        diverged=timing["why"] if timing.get("ended") == "diverged" else "",
        copies=int(others["content"].isin(set(training["content"])).sum()),
        units=run.units,
    )


class LayerHealth(TypedDict):
    """The activations of a layer's units.

    Keys:
        layer: The layer's name.
        units: The number of units: channels of a feature map, or units of a dense layer.
        relu: Whether a ReLU follows.
        dead: The number of units that are zero for every picture, at every position; 0 without
            ReLU.
        largest: The largest absolute activation; None where an activation or a weight of the layer
            is not finite.
    """

    layer: str
    units: int
    relu: bool
    dead: int
    largest: float | None
