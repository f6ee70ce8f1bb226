"""A model made ready to be fitted: its optimizer, its loss, its metric."""

from typing import Any

import keras
from keras import ops

from viewfinder.bases.networks.backbone import LAST_LAYER
from viewfinder.core.errors import RecipeError
from viewfinder.recipe import Recipe, Training
from viewfinder.training.losses import has_shares, loss_for
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
    model.compile(
        optimizer=optimizer_for(model, recipe.training, steps),
        loss=loss_for(recipe.training, classes),
        metrics=[accuracy_for(recipe.training, classes)],
    )


def accuracy_for(training: Training, classes: int) -> keras.metrics.Metric:
    """Keras's accuracy, or one that knows blended pictures."""
    if training.mixup:
        return LargestShareAccuracy()
    if classes == 2:
        return keras.metrics.BinaryAccuracy(name="accuracy")
    return keras.metrics.SparseCategoricalAccuracy(name="accuracy")


@keras.saving.register_keras_serializable("viewfinder")
class LargestShareAccuracy(keras.metrics.MeanMetricWrapper):
    """How often the answer is the label, or the class of which a blended picture shows most."""

    def __init__(self, name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(_is_largest_share, name, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """The settings, for Keras."""
        return {"name": self.name, "dtype": self.dtype}


def _is_largest_share(y_true: Any, y_pred: Any) -> Any:
    """1 or 0 for each picture, (n,)."""
    wanted = ops.argmax(y_true, -1) if has_shares(y_true) else ops.reshape(y_true, (-1,))
    is_sigmoid = y_pred.shape[-1] == 1
    answered = ops.reshape(y_pred, (-1,)) > 0.5 if is_sigmoid else ops.argmax(y_pred, -1)
    return ops.cast(ops.equal(ops.cast(wanted, "int32"), ops.cast(answered, "int32")), "float32")


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
