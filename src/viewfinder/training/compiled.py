"""Compiles a model with the optimizer, loss and metric of a recipe."""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from viewfinder.bases.networks.built import LAST_LAYER
from viewfinder.core.errors import RecipeError
from viewfinder.recipe import SGD, Recipe, Steps
from viewfinder.training.losses import has_shares, loss_for
from viewfinder.training.muon import Muon
from viewfinder.training.schedules import schedule_for

# Names of variables without weight decay: those of norms, and biases.
_NOT_DECAYED = ["bias", "gamma", "beta"]


def compile_model(model: keras.Model, recipe: Recipe, steps: int) -> None:
    """Compile a model with the recipe's optimizer, loss and accuracy.

    Args:
        model: Ends in one sigmoid or in a softmax.
        recipe: Trains by steps.
        steps: Batches in the whole training, for the schedule.

    Raises:
        RecipeError: The training has fewer batches than the recipe accumulates for one step.
    """
    training = recipe.steps
    if training.accumulate > max(steps, 1):
        raise RecipeError(
            "The training would end before its first step.",
            expected=f"training.accumulate of at most {steps:,}, the batches of all epochs",
            received=f"{training.accumulate:,}",
        )
    classes = max(model.output_shape[-1], 2)
    model.compile(
        optimizer=optimizer_for(model, training, steps),
        loss=loss_for(training, classes),
        metrics=[accuracy_for(training, classes)],
    )


def accuracy_for(training: Steps, classes: int) -> keras.metrics.Metric:
    """Return Keras's accuracy, or `LargestShareAccuracy` where pictures are blended."""
    if training.mixup:
        return LargestShareAccuracy()
    if classes == 2:
        return keras.metrics.BinaryAccuracy(name="accuracy")
    return keras.metrics.SparseCategoricalAccuracy(name="accuracy")


@keras.saving.register_keras_serializable("viewfinder")
class LargestShareAccuracy(keras.metrics.MeanMetricWrapper):
    """The share of predictions that equal the label, or a blended picture's largest class."""

    def __init__(self, name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(_is_largest_share, name, dtype=dtype)

    @override
    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype}


def _is_largest_share(y_true: Any, y_pred: Any) -> Any:
    """Return 1 or 0 for each picture, float32, (n,)."""
    labels = ops.argmax(y_true, -1) if has_shares(y_true) else ops.reshape(y_true, (-1,))
    is_sigmoid = y_pred.shape[-1] == 1
    predicted = ops.reshape(y_pred, (-1,)) > 0.5 if is_sigmoid else ops.argmax(y_pred, -1)
    return ops.cast(ops.equal(ops.cast(labels, "int32"), ops.cast(predicted, "int32")), "float32")


def optimizer_for(model: keras.Model, training: Steps, steps: int) -> keras.optimizers.Optimizer:
    """Return the optimizer with schedule, weight decay, clipping, accumulation and averaging.

    Args:
        model: The model to train; with float16 layers, the optimizer scales the loss.
        training: The settings.
        steps: Batches in the whole training.
    """
    chosen = training.optimizer
    settings: dict[str, Any] = {
        # Keras counts a schedule's steps in batches, even where it accumulates gradients.
        "learning_rate": schedule_for(training, max(steps, 1)),
        "global_clipnorm": training.clip_norm,
        # Keras's AdamW and Muon decay by 0.004 by default, and its others by None.
        "weight_decay": chosen.weight_decay or (0.0 if chosen.kind in ("adamw", "muon") else None),
    }
    if chosen.kind == "muon":
        settings |= {
            "adam_weight_decay": chosen.weight_decay,
            "exclude_layers": [f"{LAST_LAYER}/"],
        }
    if isinstance(chosen, SGD) and chosen.momentum:
        settings |= {"momentum": chosen.momentum, "nesterov": True}
    if training.accumulate > 1:
        settings["gradient_accumulation_steps"] = training.accumulate
    if training.average_epochs:
        momentum = average_momentum(training, steps / training.epochs)
        settings |= {"use_ema": True, "ema_momentum": momentum}
    optimizer = _CLASSES[chosen.kind](**settings)
    if chosen.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    if any(layer.compute_dtype == "float16" for layer in model.layers):
        # Unscaled, gradients too small for float16 would become 0.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def average_momentum(training: Steps, steps_an_epoch: float) -> float:
    """Return the momentum of the weights' average for a window of `average_epochs`.

    An exponential average with momentum m has a time constant of 1 / (1 - m) steps.
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
