"""The fit: a compiled model, batches, and what is kept of each epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import pandas as pd

from viewfinder.batches import Batches
from viewfinder.features.batches import FeatureBatches
from viewfinder.progress import Progress
from viewfinder.recipe import Recipe
from viewfinder.training.adapters import BatchDataset
from viewfinder.training.callbacks import BestModel, HistoryFile, TrainingProgress, save_model
from viewfinder.training.interruption import Interruption

BEST = "best.keras"
LAST = "last.keras"
HISTORY = "history.csv"


@dataclass(frozen=True)
class Fitted:
    """What a fit has come to; the models themselves are in its folder.

    Attributes:
        history: A row an epoch: epoch, loss, accuracy, val_loss, val_accuracy, learning_rate.
        seconds: How long each epoch took.
        best_epoch: The epoch of `best.keras`, from 1; None if no epoch was finished.
        interrupted: Whether the user stopped it.
    """

    history: pd.DataFrame
    seconds: list[float]
    best_epoch: int | None
    interrupted: bool


def compile_model(model: keras.Model, recipe: Recipe, steps: int) -> None:
    """Give the model its loss, its metric and the recipe's optimizer.

    Args:
        model: It ends in one sigmoid or in a softmax.
        recipe: Names optimizer, learning rate and schedule.
        steps: Steps in the whole training, for the schedule.
    """
    training = recipe.training
    rate = training.learning_rate
    if training.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, decay_steps=max(steps, 1), alpha=0.01)
    optimizer = keras.optimizers.get({"class_name": training.optimizer, "config": {}})
    optimizer = type(optimizer)(learning_rate=rate)
    is_binary = model.output_shape[-1] == 1
    model.compile(
        optimizer=optimizer,
        loss="binary_crossentropy" if is_binary else "sparse_categorical_crossentropy",
        metrics=[
            keras.metrics.BinaryAccuracy(name="accuracy")
            if is_binary
            else keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        ],
    )


def fit(
    model: keras.Model,
    train: Batches | FeatureBatches,
    validation: Batches | FeatureBatches,
    recipe: Recipe,
    folder: Path,
    *,
    progress: Progress | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Fitted:
    """Train a compiled model; `best.keras`, `last.keras` and `history.csv` are left in `folder`.

    Ctrl-C ends the training, not the program: what has been reached is saved as if it were the end.
    """
    history = HistoryFile(folder / HISTORY)
    best = BestModel(folder / BEST)
    bar = TrainingProgress(progress or Progress(0), recipe.training.epochs, len(train))
    interrupted = False
    feeds = BatchDataset(train), BatchDataset(validation)
    try:
        with Interruption() as interruption:
            model.fit(
                feeds[0],
                validation_data=feeds[1],
                epochs=recipe.training.epochs,
                shuffle=False,  # the batches shuffle by themselves, by seed
                verbose=0,
                callbacks=[history, best, bar, *callbacks, interruption],
            )
    except KeyboardInterrupt:
        interrupted = True
        if history.rows:  # it may have come while the last epoch was being kept
            history.write()
            best.consider(history.rows[-1])
    finally:
        bar.close()
        for feed in feeds:
            feed.on_epoch_end()  # Keras does not end an epoch that was broken off
    save_model(model, folder / LAST)
    if best.best_epoch is None:
        save_model(model, folder / BEST)
    return Fitted(history.table(), history.seconds, best.best_epoch, interrupted)
