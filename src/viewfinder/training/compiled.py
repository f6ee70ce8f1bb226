"""A model made ready to be fitted: its optimizer, its loss, its metric."""

from typing import Any

import keras

from viewfinder.errors import RecipeError
from viewfinder.models.head import LAST_LAYER
from viewfinder.recipe import Recipe, Training
from viewfinder.training.losses import loss_for
from viewfinder.training.muon import Muon
from viewfinder.training.schedules import schedule_for

# By variable name: what a norm and a bias learn is no use to shrink.
_NOT_DECAYED = ["bias", "gamma", "beta"]


def compile_model(model: keras.Model, recipe: Recipe, steps: int) -> None:
    """Give the model its loss, its metric and the recipe's optimizer.

    Args:
        model: It ends in one sigmoid or in a softmax.
        recipe: Names optimizer, schedule and loss.
        steps: Batches in the whole training, for the schedule.

    Raises:
        RecipeError: There are fewer batches than the recipe gathers for one step.
    """
    if recipe.training.accumulate > max(steps, 1):
        raise RecipeError(
            "The training would end before its first step.",
            expected=f"training.accumulate of at most {steps:,}, the batches of all epochs",
            received=f"{recipe.training.accumulate:,}",
        )
    classes = max(model.output_shape[-1], 2)
    accuracy = (
        keras.metrics.BinaryAccuracy(name="accuracy")
        if classes == 2
        else keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    )
    model.compile(
        optimizer=optimizer_for(model, recipe.training, steps),
        loss=loss_for(recipe.training, classes),
        metrics=[accuracy],
    )


def optimizer_for(model: keras.Model, training: Training, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer with its schedule, decay, clipping, accumulation and averaging.

    Args:
        model: What it will change; tells whether small gradients need scaling.
        training: The settings.
        steps: Batches in the whole training.
    """
    settings: dict[str, Any] = {
        # Keras asks a schedule by batches, also where it gathers the gradients of several.
        "learning_rate": schedule_for(training, max(steps, 1)),
        "global_clipnorm": training.clip_norm,
    }
    # Keras's AdamW and Muon decay by 0.004 and its others by None, unless told.
    settings["weight_decay"] = training.weight_decay or (
        0.0 if training.optimizer in ("adamw", "muon") else None
    )
    if training.optimizer == "muon":
        settings |= {
            "adam_weight_decay": training.weight_decay,
            "exclude_layers": [f"{LAST_LAYER}/"],
        }
    if training.momentum:
        settings |= {"momentum": training.momentum, "nesterov": True}
    if training.accumulate > 1:
        settings["gradient_accumulation_steps"] = training.accumulate
    if training.average_epochs:
        settings |= {
            "use_ema": True,
            "ema_momentum": average_momentum(training, steps / training.epochs),
        }
    optimizer = _CLASSES[training.optimizer](**settings)
    if training.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    if any(layer.compute_dtype == "float16" for layer in model.layers):
        # Gradients too small for float16 would be lost.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def average_momentum(training: Training, steps_an_epoch: float) -> float:
    """The share of the average that each batch keeps, for a window of `average_epochs`.

    An exponential average with momentum m forgets with a time constant of 1 / (1 - m) steps.
    """
    window = max(training.average_epochs * steps_an_epoch, 1.0)
    return 1.0 - 1.0 / window


_CLASSES = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "muon": Muon,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}
