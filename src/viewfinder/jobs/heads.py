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

from viewfinder.batches.features import FeatureBatches
from viewfinder.core.files import written_whole
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import SPLITS, Dataset
from viewfinder.evaluation.evaluate import score
from viewfinder.features.base import FrozenBase
from viewfinder.features.compute import View, features_of
from viewfinder.features.probe import Probe, fit_probe, what_belongs_together
from viewfinder.jobs.prepare import Prepared
from viewfinder.recipe import Recipe
from viewfinder.recipe.transfer import Head
from viewfinder.run import best_epoch
from viewfinder.store import open_store

if TYPE_CHECKING:
    import keras

    from viewfinder.training.fit import Fitted
    from viewfinder.training.heads import HeadWeights

Matrix = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SplitFeatures:
    """A split's pictures that have features, and these.

    Attributes:
        dataset: The pictures.
        positions: Where they are among all pictures of the split, shape `(n,)`.
        rows: Their features, float32, shape `(n, d)`.
    """

    dataset: Dataset
    positions: NDArray[np.intp]
    rows: Matrix

    def where(self, kept: NDArray[np.bool_]) -> "SplitFeatures":
        """Some of the pictures."""
        return SplitFeatures(self.dataset.where(kept), self.positions[kept], self.rows[kept])


def frozen_base(prepared: Prepared, progress: Progress) -> FrozenBase:
    """The base whose features the head is fitted on.

    Raises:
        UsageError: There are no ImageNet weights for this width.
        DataError: The weights are not at hand.
    """
    settings = prepared.recipe.on_features
    assert settings is not None
    return FrozenBase.of(prepared.recipe, settings, progress)


def split_features(
    prepared: Prepared, split: str, base: FrozenBase, progress: Progress
) -> SplitFeatures:
    """The features of a split's pictures as they are, without variation."""
    recipe, dataset = prepared.recipe, prepared.dataset.only(split)
    pictures = prepared.pictures[split]
    if pictures.shape != recipe.preprocessing.shape:  # larger, for the views
        budget = prepared.store_budget
        store = open_store(dataset, recipe.preprocessing, budget=budget, progress=progress)
        pictures = store.pictures(dataset)
    rows = features_of(dataset, pictures, base.extractor, recipe.preprocessing, progress=progress)
    kept = np.asarray(np.isfinite(rows).all(axis=1))
    return SplitFeatures(dataset.where(kept), np.flatnonzero(kept), rows[kept])


def training_views(
    prepared: Prepared, part: SplitFeatures, base: FrozenBase, progress: Progress
) -> Matrix:
    """The training pictures' features, (n, views, d): as they are, and in further views."""
    plain = part.rows[:, None]
    further = base.settings.views - 1
    if not further:
        return plain
    recipe = prepared.recipe
    varied = features_of(
        prepared.dataset.only("train"),
        prepared.pictures["train"],
        base.extractor,
        recipe.preprocessing,
        views=View(recipe.training.plan, recipe.seed, further),
        progress=progress,
    )[part.positions]
    # A picture that has turned bad meanwhile is taken as it was.
    varied = np.where(np.isfinite(varied), varied, plain)
    return np.concatenate([plain, varied], axis=1)


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


def fit_head_first(
    model: "keras.Model",
    prepared: Prepared,
    wanted: NDArray[np.uint64],
    folder: Path,
    progress: Progress,
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
) -> "Fitted":
    """Give a model the head that its frozen base's features ask for, before it is fine-tuned.

    Args:
        model: Base and head; the head gets its weights.
        prepared: The pictures.
        wanted: The ids of the training pictures that the head is fitted on.
        folder: Gets `best.keras`, `last.keras` and `history.csv`, as a fit leaves them.
        progress: Shows how far it is.
        callbacks: Further Keras callbacks, for a head that is trained in epochs; one that was
            stopped goes on.

    Raises:
        DataError: A class has too few pictures for two folds.
    """
    from viewfinder.training.fit import Fitted
    from viewfinder.training.heads import head_probabilities, set_head
    from viewfinder.training.phases import Phases

    began = time.perf_counter()
    base, recipe = frozen_base(prepared, progress), prepared.recipe
    parts = {split: split_features(prepared, split, base, progress) for split in SPLITS[:2]}
    training = training_views(prepared, parts["train"], base, progress)
    is_wanted = np.isin(parts["train"].dataset.ids, wanted)
    parts["train"] = parts["train"].where(is_wanted)
    head = fitted_head(
        training[is_wanted],
        parts,
        recipe,
        base.settings.head,
        progress,
        callbacks,
        folder=Phases(folder).head,
    )
    set_head(model, head.weights)
    history = head.history
    if history is None:
        answers = {
            split: head_probabilities(head.weights, part.rows) for split, part in parts.items()
        }
        history = linear_history(parts, answers, recipe.training.label_smoothing)
    write_model(model, history, folder)
    seconds = time.perf_counter() - began
    return Fitted(history, head.seconds, seconds, best_epoch(history), head.ended, head.why)
