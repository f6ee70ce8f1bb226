"""The settings of a recipe that the doctor's rules need."""

from dataclasses import dataclass
from typing import Any

from viewfinder.recipe import Recipe
from viewfinder.recipe.training import Solve, SolveThenTune
from viewfinder.recipe.transfer import Transfer


@dataclass(frozen=True)
class Setup:
    """The settings of the phase whose model was kept.

    Attributes:
        epochs: The number of epochs.
        learning_rate: The highest learning rate; 0 for a solved head.
        schedule: The kind of the learning rate's schedule.
        augment: The policy's name, "own" for a plan, or "none".
        mixup: The share of training pictures that are blended with others, 0 to 1.
        dropout: The share of units that are dropped in training, 0 to 1.
        l2: The penalty on the squared kernels.
        decay: The weight decay.
        normed: Whether batch norm follows the layers that train.
        balance: How classes of uneven size are balanced, or "none".
        averaged: The window, in epochs, over which weights are averaged; 0 for none.
        solved: Whether the head is linear and solved, without epochs.
        on_base: Whether the model starts from a pretrained base.
        on_features: Whether only a head is fitted, on stored features of the base.
        isolated: Whether subjects are cut out of their scenes.
        tuned: Whether the base was fine-tuned.
    """

    epochs: int
    learning_rate: float
    schedule: str = "constant"
    augment: str = "none"
    mixup: float = 0.0
    dropout: float = 0.0
    l2: float = 0.0
    decay: float = 0.0
    normed: bool = False
    balance: str = "none"
    averaged: float = 0.0
    solved: bool = False
    on_base: bool = False
    on_features: bool = False
    isolated: bool = False
    tuned: bool = False

    @classmethod
    def of(cls, recipe: Recipe, *, head_kept: bool = False) -> "Setup":
        """Return the settings of a recipe.

        Args:
            recipe: The recipe.
            head_kept: Whether fine-tuning was not kept, so that the model is the head before it.
        """
        training, model = recipe.training, recipe.model
        augment = training.augment if isinstance(training.augment, str) else "own"
        shared: dict[str, Any] = {
            "augment": augment,
            "dropout": getattr(model, "dropout", 0.0),
            "l2": getattr(model, "l2", 0.0),
            # Without a dense layer, a head on a base has nothing to norm.
            "normed": model.batch_norm or (isinstance(model, Transfer) and not model.dense),
            "on_base": isinstance(model, Transfer),
            "isolated": recipe.input.isolate,
        }
        if isinstance(training, Solve) or (isinstance(training, SolveThenTune) and head_kept):
            return cls(epochs=1, learning_rate=0.0, solved=True, on_features=True, **shared)
        tuned = training.fine_tune is not None and not head_kept
        steps = recipe.second_phase.steps if tuned else recipe.steps
        return cls(
            epochs=steps.epochs,
            learning_rate=training.optimizer.learning_rate,
            schedule=training.schedule.kind,
            mixup=training.mixup,
            decay=training.optimizer.weight_decay,
            balance=training.balance,
            averaged=training.average_epochs,
            on_features=recipe.on_features is not None and not tuned,
            tuned=tuned,
            **shared,
        )
