"""A head fitted on features: solved for where it is linear, else trained in epochs."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.bases.settings import Head
from viewfinder.data.dataset import Dataset
from viewfinder.features.batches import FeatureBatches
from viewfinder.features.probe import Probe, fit_probe, what_belongs_together
from viewfinder.files import written_whole
from viewfinder.frozen.features import Matrix, SplitFeatures
from viewfinder.progress import Progress
from viewfinder.recipe import Recipe
from viewfinder.results.evaluate import score

if TYPE_CHECKING:
    import keras

    from viewfinder.training.heads import HeadWeights

# As Keras and `score` clip probabilities before they take their logarithm.
_LEAST_PROBABILITY = 1e-7


@dataclass(frozen=True, eq=False)
class FittedHead:
    """A fitted head of either kind; a linear one has no epochs.

    Attributes:
        weights: Its layers' weights.
        seconds: How long each epoch took; of a linear one, how long it took to solve.
        history: A row an epoch; None for a linear one.
        ended: Why the training ended, as in `timing.json`.
        why: The same as a sentence, where there is more to say.
        probe: How a linear one was chosen.
    """

    weights: "HeadWeights"
    seconds: list[float]
    history: pd.DataFrame | None = None
    ended: str = "finished"
    why: str = ""
    probe: Probe | None = None


def fitted_head(
    training: Matrix,
    parts: Mapping[str, SplitFeatures],
    recipe: Recipe,
    head: Head,
    progress: Progress,
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
    *,
    folder: Path | None = None,
) -> FittedHead:
    """Fit the head that a recipe asks for.

    Args:
        training: Features of the training pictures, (n, views, d).
        parts: By split; "train" for the labels, "validation" for a head that is trained in epochs.
        recipe: Says how it is fitted.
        head: Its settings.
        progress: Shows how far it is.
        callbacks: Further Keras callbacks, for a head that is trained in epochs.
        folder: Where such a head is kept, and goes on if it was stopped; None keeps nothing.

    Raises:
        DataError: A class has too few pictures for two folds.
    """
    from viewfinder.training.heads import fit_head, linear_weights

    dataset = parts["train"].dataset
    if recipe.solves_head:
        began = time.perf_counter()
        probe = fit_probe(
            training,
            dataset.labels,
            dataset.classes,
            belongs=what_belongs_together(dataset),
            seed=recipe.seed,
        )
        progress.say(probe.in_words())
        seconds = [time.perf_counter() - began]
        return FittedHead(linear_weights(probe.head), seconds, probe=probe)
    done = fit_head(
        feature_batches(training, dataset, recipe, shuffle=True),
        feature_batches(parts["validation"].rows[:, None], parts["validation"].dataset, recipe),
        recipe,
        head,
        progress=progress,
        callbacks=callbacks,
        folder=folder,
    )
    fitted = done.fitted
    return FittedHead(done.weights, fitted.seconds, fitted.history, fitted.ended, fitted.why)


def feature_batches(
    features: Matrix, dataset: Dataset, recipe: Recipe, *, shuffle: bool = False
) -> FeatureBatches:
    """Features, (n, views, d), as the recipe's batches."""
    size = recipe.training.batch_size
    return FeatureBatches(features, dataset.labels, dataset.ids, size, recipe.seed, shuffle)


def linear_history(
    parts: Mapping[str, SplitFeatures],
    answers: Mapping[str, NDArray[np.float64]],
    smoothing: float = 0.0,
) -> pd.DataFrame:
    """A linear head's history: it has seen all pictures once, so to speak.

    With `smoothing`, the loss is what fine-tuning has for labels that are smoothed so much.
    """
    row: dict[str, float] = {"epoch": 1}
    for split, prefix in (("train", ""), ("validation", "val_")):
        if split in parts:
            dataset = parts[split].dataset
            scores = score(dataset.labels, answers[split], dataset.classes)
            evenly = -np.log(np.maximum(answers[split], _LEAST_PROBABILITY)).mean()
            loss = (1 - smoothing) * scores.loss + smoothing * evenly
            row |= {f"{prefix}loss": loss, f"{prefix}accuracy": scores.accuracy}
    return pd.DataFrame([row | {"kept": 1}])


def write_model(model: "keras.Model", history: pd.DataFrame, folder: Path) -> None:
    """Leave what a fit in epochs leaves; of a head that was solved for, last and best are one."""
    from viewfinder.training.callbacks import save_model
    from viewfinder.training.fit import BEST, HISTORY, LAST

    save_model(model, folder / BEST)
    with written_whole(folder / LAST) as temporary:
        shutil.copyfile(folder / BEST, temporary)
    with written_whole(folder / HISTORY) as temporary:
        history.to_csv(temporary, index=False)
