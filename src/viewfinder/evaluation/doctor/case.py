"""What the doctor looks at: a training as plain numbers, whoever has made them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.evaluation.doctor.verdict import Try

# With so many, the curves show where a training leads.
_READABLE_EPOCHS = 15

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Setup:
    """What of a recipe matters here.

    Attributes:
        epochs: How many were asked for.
        learning_rate: At its highest.
        schedule: How it goes on from there.
        augment: The policy's name, "own" for a plan of one's own, or "none".
        mixup: The share of the pictures that is blended with others while training.
        dropout: The share of units that is dropped while training.
        penalty: The larger of the L2 penalty and the weight decay.
        balance: What is done about classes of uneven size, or "none".
        averaged: The epochs over which the validated model is an average; 0 for none.
        solved: Whether a linear head was solved for at once, without epochs.
        on_base: Whether it began with a network that others have trained.
        on_features: Whether only a head was fitted, on what that network said of each picture.
        isolated: Whether subjects are cut out of their scenes.
        tuned: Whether a base was tuned after its head had been solved for.
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
        """How many epochs to try where more may help: one figure, whichever rule says it."""
        return max(2 * self.epochs, _READABLE_EPOCHS)

    def more_epochs(self, why: str, count: int | None = None) -> tuple[Try, ...]:
        """More of them, by default as many as `longer`; nothing where there are none."""
        count = count or self.longer
        if self.solved:
            return ()
        flag = f"--set training.fine_tune.epochs={count}" if self.tuned else f"--epochs {count}"
        return (Try(flag, why),)

    @classmethod
    def of(cls, recipe: Mapping[str, Any]) -> "Setup":
        """From a recipe's settings, nested as in `recipe.yaml`; what is not there is off."""
        training, model = recipe["training"], recipe.get("model", {})
        augment = training.get("augment", "none")
        tuned = training.get("fine_tune")
        on_features = model.get("frozen") == "features" and not tuned
        is_linear = model.get("frozen") == "features" and not model.get("dense")
        return cls(
            epochs=tuned["epochs"] if tuned and is_linear else training["epochs"],
            learning_rate=training["learning_rate"],
            schedule=training.get("schedule", "constant"),
            augment=augment if isinstance(augment, str) else "own",
            mixup=training.get("mixup", 0.0),
            dropout=model.get("dropout", 0.0),
            penalty=max(model.get("l2", 0.0), training.get("weight_decay", 0.0)),
            balance=training.get("balance", "none"),
            averaged=training.get("average_epochs", 0.0),
            solved=on_features and is_linear,
            on_base="base" in model,
            on_features=on_features,
            isolated=recipe.get("input", {}).get("isolate", False),
            tuned=bool(tuned) and is_linear,
        )


@dataclass(frozen=True)
class Case:
    """A training that has ended.

    Attributes:
        history: A row an epoch: `epoch` (from 1), `loss`, `accuracy`, and where there was
            validation `val_loss`, `val_accuracy`. Values may be NaN.
        scores: Of each split that was judged, without augmentation and dropout, what
            `Scores.to_json` gives.
        setup: What of the recipe matters.
        class_counts: How many training pictures each class has.
        best_epoch: The epoch whose weights were kept, from 1, or None.
        steered_by: The split that chose it, or "".
        interrupted: Whether the training was stopped by Ctrl-C, a kill or its time, and can go on.
        diverged: Where it was ended because its loss was no number, the sentence that says so;
            the history then has no row of that epoch.
        copies: How many validation and test pictures have the very bytes of a training picture;
            None where nobody looked.
        units: How each layer with ReLU answers to some pictures; None where nobody looked.
    """

    history: pd.DataFrame
    scores: Mapping[str, Mapping[str, Any]]
    setup: Setup
    class_counts: Mapping[str, int]
    best_epoch: int | None = None
    steered_by: str = "validation"
    interrupted: bool = False
    diverged: str = ""
    copies: int | None = None
    units: "Sequence[LayerHealth] | None" = None

    def curve(self, column: str) -> Values:
        """A column of the history, float64, shape (n,); empty where there is none."""
        if column not in self.history:
            return np.zeros(0)
        values: Values = self.history[column].to_numpy(dtype=np.float64)
        return values

    def epoch(self, position: int) -> int:
        """The number of the epoch at a position of the curves."""
        return int(self.history["epoch"].iloc[position])

    def right(self, split: str) -> tuple[int, int] | None:
        """How many pictures of a split were answered rightly, of how many; None if not judged."""
        scores = self.scores.get(split)
        if not scores:
            return None
        return round(scores["accuracy"] * scores["count"]), scores["count"]

    def leaks(self, split: str) -> Mapping[str, int] | None:
        """How many of a split's pictures are in training, `exact` and `near`; None if none is."""
        return self.scores[split].get("leaks")

    @cached_property
    def judged(self) -> str | None:
        """The split that says how it answers to other pictures: validation, or else test."""
        return next((one for one in ("validation", "test") if self.scores.get(one)), None)

    @property
    def guess(self) -> tuple[str, float]:
        """The largest class of training, and its share there."""
        if not self.class_counts:
            return "", 1.0
        name = max(self.class_counts, key=lambda one: self.class_counts[one])
        return name, self.class_counts[name] / max(1, sum(self.class_counts.values()))

    @property
    def guessing_loss(self) -> float:
        """The cross-entropy, in nats, of giving each class its share in training."""
        total = sum(self.class_counts.values())
        shares = [count / total for count in self.class_counts.values() if count]
        return -math.fsum(share * math.log(share) for share in shares)

    @cached_property
    def is_finite(self) -> bool:
        """Whether every loss of the history is a number."""
        losses = [self.curve(name) for name in ("loss", "val_loss")]
        return bool(np.isfinite(np.concatenate(losses)).all())


class LayerHealth(TypedDict):
    """What a layer's units do when pictures pass.

    Keys:
        layer: The layer's name.
        units: How many it has: channels of a feature map, or units of a dense layer.
        relu: Whether they pass a ReLU, so that zero means silence.
        dead: How many are zero for every picture, wherever in the picture; 0 without ReLU.
        largest: The largest absolute activation; None where some of them, or of the layer's
            weights, are infinite or no numbers.
    """

    layer: str
    units: int
    relu: bool
    dead: int
    largest: float | None
