"""A head fitted on the features of a frozen base: solved where it is linear, else by steps.

The base and the fitted head become one model: the run's `model.onnx`, where neither needs Keras, or
`best.keras`, as a fit by steps saves it.
"""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.audit.series import Series, on_features
from viewfinder.augment.feature_batches import FeatureBatches
from viewfinder.classifier import Classifier
from viewfinder.classifier.files import EXPORT
from viewfinder.core.files import written_whole
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.store.live import LivePictures
from viewfinder.evaluation.answers import answer_table
from viewfinder.evaluation.evaluate import score
from viewfinder.jobs.features import Features, Matrix, SplitFeatures
from viewfinder.jobs.prepare import Prepared
from viewfinder.models.features.base import BaseExtractor
from viewfinder.models.features.joined import write_joined
from viewfinder.models.features.logistic import Linear
from viewfinder.models.features.probe import fit_probe, fold_groups
from viewfinder.models.fitted import Fitted
from viewfinder.recipe import Recipe
from viewfinder.run.int8 import compared_pixels
from viewfinder.run_folder import best_epoch
from viewfinder.runtime.onnx import BATCH, OnnxModel
from viewfinder.runtime.quantizing import Agreement

if TYPE_CHECKING:
    import keras

    from viewfinder.training.heads import HeadWeights

# Keras and `score` clip probabilities at this before they take the logarithm.
_LEAST_PROBABILITY = 1e-7
# The pictures on which the joined model is compared with base and head, and the largest difference.
_COMPARED = 16
_TOLERANCE = 1e-3

Answers = Mapping[str, NDArray[np.float64]]


def fit_on_features(
    prepared: Prepared,
    train_ids: NDArray[np.uint64],
    folder: Path,
    head_folder: Path,
    progress: Progress,
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
) -> Fitted:
    """Compute the missing features, fit the head, and save base and head as one model.

    Where ONNX Runtime computes the features and the head is linear, the model is `model.onnx`, and
    neither Keras nor a backend is imported for a base that has been exported.

    Args:
        prepared: The pictures.
        train_ids: The ids of the training pictures to fit on, uint64.
        folder: Receives `history.csv`, and `model.onnx` or `best.keras` and `last.keras`.
        head_folder: Where a head is trained by steps; such a training resumes from it.
        progress: Shows how far it is.
        callbacks: Further Keras callbacks for a head that is trained by steps.

    Raises:
        DataError: The weights cannot be used, or a class has too few pictures for two folds.
        UsageError: The base has no such layer, or the pictures are too small for it.
    """
    began = time.perf_counter()
    recipe, features = prepared.recipe, Features(prepared, progress)
    base = features.base
    graph = base.graph(progress) if recipe.chooses_on_folds else None
    if graph is None:
        _ = base.built  # imports Keras, and raises for settings that do not fit
    built = time.perf_counter()
    splits = list(prepared.dataset.split_sizes())
    if recipe.training.fine_tune:
        splits = [split for split in splits if split != "test"]
    parts = {split: features.of(split) for split in splits}
    views = features.views(parts["train"])
    kept = np.isin(parts["train"].dataset.ids, train_ids)
    parts["train"] = parts["train"].where(kept)
    computed = time.perf_counter()
    head = _Head(base, recipe, views[kept], parts, progress)
    network: keras.Model | OnnxModel
    if graph:
        fitted, answers = head.solved()
        assert fitted.probe
        agreement = _agreement(base, fitted.probe.head, prepared, progress) if recipe.int8 else None
        write_joined(base, graph, fitted.probe.head, folder, agreement)
        write_history(fitted.history, folder)
        network = OnnxModel(folder / EXPORT)
    else:
        network, fitted, answers = head.in_keras(head_folder, callbacks)
        save_models(network, fitted.history, folder)
    series = _series(prepared, parts["train"], progress)
    ended = time.perf_counter()
    started = 0.0 if graph else base.started_s
    parts_s = {
        "base": built - began + started,
        "features": computed - built - started,
        "head": ended - computed,
    }
    return replace(
        fitted,
        training_seconds=ended - began,
        parts={f"{name}_s": seconds for name, seconds in parts_s.items()},
        stages=parts_s,
        best_epoch=best_epoch(fitted.history),
        model=None if isinstance(network, OnnxModel) else network,
        series=series,
        predictions=_predictions(network, prepared, parts, answers, progress),
    )


def feature_batches(
    features: Matrix, dataset: Dataset, recipe: Recipe, *, shuffle: bool = False
) -> FeatureBatches:
    """Features, shape (n, views, d), as the recipe's batches."""
    size = recipe.steps.batch_size
    return FeatureBatches(features, dataset.labels, dataset.ids, size, recipe.seed, shuffle)


def save_models(model: "keras.Model", history: pd.DataFrame, folder: Path) -> None:
    """Write what a fit by steps writes; the last model is the best one."""
    from viewfinder.training.callbacks import save_model
    from viewfinder.training.fit import BEST, LAST

    save_model(model, folder / BEST)
    with written_whole(folder / LAST) as temporary:
        shutil.copyfile(folder / BEST, temporary)
    write_history(history, folder)


def write_history(history: pd.DataFrame, folder: Path) -> None:
    """Write `history.csv`."""
    if history.empty:  # interrupted before the first epoch ended
        return
    with written_whole(folder / "history.csv") as temporary:
        history.to_csv(temporary, index=False)


@dataclass(frozen=True, eq=False)
class _Head:
    """What a head is fitted on.

    Attributes:
        base: The frozen base.
        recipe: The recipe.
        views: The features of the training pictures, float32, shape (n, views, d).
        parts: The features of each split's pictures.
        progress: Shows how far it is.
    """

    base: BaseExtractor
    recipe: Recipe
    views: Matrix
    parts: Mapping[str, SplitFeatures]
    progress: Progress

    def solved(self) -> tuple[Fitted, Answers]:
        """The outcome of a solved linear head, and its answers by split."""
        dataset, seed = self.parts["train"].dataset, self.recipe.seed
        began = time.perf_counter()
        groups = fold_groups(dataset)
        labels, classes = dataset.labels, dataset.classes
        probe = fit_probe(self.views, labels, classes, groups=groups.names, seed=seed)
        self.progress.say(probe.in_words())
        if groups.note:
            self.progress.say(groups.note, style="yellow")
        seconds = time.perf_counter() - began
        answers = {split: probe.head.probabilities(part.rows) for split, part in self.parts.items()}
        history = _one_row(self.parts, answers, self.recipe)
        others = answer_table(dataset.table, classes, probe.out_of_fold)
        outcome = Fitted(
            history, [seconds], seconds, None, "finished", probe=probe, out_of_fold=others
        )
        return outcome, answers

    def in_keras(
        self, folder: Path, callbacks: "Sequence[keras.callbacks.Callback]"
    ) -> "tuple[keras.Model, Fitted, Answers]":
        """The model of base and head, the outcome of the head's fit, and its answers."""
        from viewfinder.models.networks.head import model_name
        from viewfinder.training.heads import head_probabilities, linear_weights, with_fitted_head

        recipe, parts = self.recipe, self.parts
        if recipe.solves_head:
            fitted, answers = self.solved()
            assert fitted.probe
            weights = linear_weights(fitted.probe.head)
        else:
            weights, fitted = self._trained(folder, callbacks)
            answers = {split: head_probabilities(weights, one.rows) for split, one in parts.items()}
        head, name = self.base.settings.fitted_head, model_name(recipe.name)
        model = with_fitted_head(self.base.built, head, weights, seed=recipe.seed, name=name)
        return model, fitted, answers

    def _trained(
        self, folder: Path, callbacks: "Sequence[keras.callbacks.Callback]"
    ) -> "tuple[HeadWeights, Fitted]":
        """The weights of a dense head that is trained by steps, and the outcome of its fit."""
        from viewfinder.training.heads import fit_head

        recipe, train, others = self.recipe, self.parts["train"], self.parts.get("validation")
        return fit_head(
            feature_batches(self.views, train.dataset, recipe, shuffle=True),
            None
            if others is None
            else feature_batches(others.rows[:, None], others.dataset, recipe),
            recipe,
            self.base.settings.head,
            folder,
            progress=self.progress,
            callbacks=callbacks,
        )


def _agreement(
    base: BaseExtractor, head: Linear, prepared: Prepared, progress: Progress
) -> Agreement:
    """How the base in 8 bits and the head predict beside the same in float32; printed."""
    pixels = compared_pixels(prepared.dataset, prepared.recipe.preprocessing)
    starts = range(0, len(pixels), BATCH)
    expected, found = (
        head.probabilities(np.concatenate([run(pixels[at : at + BATCH]) for at in starts]))
        for run in (base.in_float32.start(progress), base.start(progress))
    )
    agreement = Agreement.of(expected, found)
    progress.say(agreement.in_words())
    return agreement


def _series(prepared: Prepared, train: SplitFeatures, progress: Progress) -> Series | None:
    """The series of the pictures, measured on the features; printed where whole series matter."""
    if prepared.series is None:
        return None
    settings = prepared.recipe.on_features
    assert settings is not None
    series = on_features(prepared.series, train.dataset, train.rows, settings.base_name)
    if prepared.series.inflates or series.inflates:
        progress.say(series.figures_in_words(), style="yellow" if series.inflates else None)
    return series


def _one_row(parts: Mapping[str, SplitFeatures], answers: Answers, recipe: Recipe) -> pd.DataFrame:
    """The history of a solved head: one row, with the losses that steps would log."""
    smoothing = recipe.steps.loss.label_smoothing if recipe.training.fine_tune else 0.0
    row: dict[str, float] = {"epoch": 1}
    for split, prefix in (("train", ""), ("validation", "val_")):
        if split in parts:
            dataset = parts[split].dataset
            scores = score(dataset.labels, answers[split], dataset.classes)
            evenly = -np.log(np.maximum(answers[split], _LEAST_PROBABILITY)).mean()
            loss = (1 - smoothing) * scores.loss + smoothing * evenly
            row |= {f"{prefix}loss": loss, f"{prefix}accuracy": scores.accuracy}
    return pd.DataFrame([row | {"kept": 1}])


def _predictions(
    network: "keras.Model | OnnxModel",
    prepared: Prepared,
    parts: Mapping[str, SplitFeatures],
    answers: Answers,
    progress: Progress,
) -> pd.DataFrame | None:
    """The answers as a table; None where the joined model answers some pictures differently."""
    recipe, part = prepared.recipe, parts["train"]
    compared = np.linspace(0, len(part.rows) - 1, min(_COMPARED, len(part.rows))).astype(np.intp)
    some = part.dataset.where(np.isin(np.arange(len(part.rows)), compared))
    pictures = LivePictures(some.source, list(some.table["locator"]), recipe.preprocessing)
    images, kept = pictures.read(np.arange(len(some)))
    classifier = Classifier(network, some.classes, recipe.preprocessing)
    differences = np.abs(classifier.probabilities(images) - answers["train"][compared][kept])
    largest = differences.max(initial=0.0)
    if largest > _TOLERANCE:
        progress.say(
            f"The joined model differs from base and head by up to {largest:.2g}, so predictions "
            "come from the joined model.",
            style="yellow",
        )
        return None
    tables = [
        answer_table(part.dataset.table, part.dataset.classes, answers[split])
        for split, part in parts.items()
    ]
    return pd.concat(tables, ignore_index=True)
