"""The main job over a frozen base: features once, a head in a moment, and the same kind of run."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.bases.settings import Transfer
from viewfinder.classifier import Classifier
from viewfinder.data.dataset import SPLITS, Dataset
from viewfinder.data.store import open_store
from viewfinder.data.store.live import LivePictures
from viewfinder.features.batches import FeatureBatches
from viewfinder.features.compute import View, features_of
from viewfinder.features.frozen import FrozenBase
from viewfinder.features.probe import Probe, fit_probe, what_belongs_together
from viewfinder.files import write_json, written_whole
from viewfinder.prepared import Prepared
from viewfinder.progress import Progress
from viewfinder.recipe import Recipe
from viewfinder.results.answers import answer_table
from viewfinder.results.evaluate import score
from viewfinder.run import Run, best_epoch

if TYPE_CHECKING:
    import keras

    from viewfinder.training.fit import Fitted
    from viewfinder.training.heads import HeadWeights

Matrix = NDArray[np.float32]

# How many pictures the finished model is asked for, and how far it may be from base and head.
_ASKED = 16
_TOLERANCE = 1e-3
# As Keras and `score` clip probabilities before they take their logarithm.
_LEAST_PROBABILITY = 1e-7


@dataclass(frozen=True, eq=False)
class Learned:
    """What features and a head have come to.

    Attributes:
        model: Base and head as one model.
        predictions: A row an answer, for all splits; None where the model itself has to be asked.
        history: A row an epoch; a linear head has one.
        timing: Seconds, by what they were spent on.
        ended: Why the training of the head ended, as in `timing.json`.
        probe: How a linear head was chosen.
    """

    model: "keras.Model"
    predictions: pd.DataFrame | None
    history: pd.DataFrame
    timing: Mapping[str, Any]
    ended: str
    probe: Probe | None


def learn(
    prepared: Prepared,
    progress: Progress,
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
) -> Learned:
    """Compute the features that are not known yet, fit the head, and put it on the base.

    Raises:
        DataError: The weights cannot be used, or a class has too few pictures for two folds.
        UsageError: The base cannot be cut there, or the pictures are too small for it.
    """
    began = time.perf_counter()
    base = FrozenBase.of(prepared.recipe, _base_of(prepared), progress)
    splits = prepared.dataset.split_sizes()
    parts = {split: _part(prepared, split, base, progress) for split in splits}
    training = _with_views(prepared, parts["train"], base, progress)
    computed = time.perf_counter()
    head = _fit(prepared, training, parts, progress, callbacks)
    timing = {
        "epochs_s": head.seconds,
        "features_s": computed - began,
        "head_s": time.perf_counter() - computed,
    }

    from viewfinder.models.head import model_name
    from viewfinder.training.heads import head_probabilities, with_fitted_head

    recipe = prepared.recipe
    name = model_name(recipe.name)
    model = with_fitted_head(
        base.backbone, _base_of(prepared).head, head.weights, seed=recipe.seed, name=name
    )
    answers = {split: head_probabilities(head.weights, part.rows) for split, part in parts.items()}
    history = _one_epoch(parts, answers) if head.history is None else head.history
    tables = [
        answer_table(part.dataset.table, part.dataset.classes, answers[split])
        for split, part in parts.items()
    ]
    is_same = _says_the_same(model, prepared, answers["train"], parts["train"], progress)
    predictions = pd.concat(tables, ignore_index=True) if is_same else None
    return Learned(model, predictions, history, timing, head.ended, head.probe)


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
        callbacks: Further Keras callbacks, for a head that is trained in epochs.

    Raises:
        DataError: A class has too few pictures for two folds.
    """
    from viewfinder.training.fit import Fitted

    began = time.perf_counter()
    base = FrozenBase.of(prepared.recipe, _base_of(prepared), progress)
    parts = {split: _part(prepared, split, base, progress) for split in SPLITS[:2]}
    training = _with_views(prepared, parts["train"], base, progress)
    is_wanted = np.isin(parts["train"].dataset.ids, wanted)
    parts["train"] = parts["train"].where(is_wanted)
    head = _fit(prepared, training[is_wanted], parts, progress, callbacks)

    from viewfinder.training.heads import head_probabilities, set_head

    set_head(model, head.weights)
    history = head.history
    if history is None:
        answers = {
            split: head_probabilities(head.weights, part.rows) for split, part in parts.items()
        }
        smoothing = prepared.recipe.training.label_smoothing
        history = _one_epoch(parts, answers, smoothing)
    _write_models(model, history, folder)
    seconds = time.perf_counter() - began
    return Fitted(history, head.seconds, seconds, best_epoch(history), head.ended)


def head_in_steps(prepared: Prepared, progress: Progress) -> "tuple[keras.Model, FeatureBatches]":
    """A dense head, compiled, and the scaled features that its training begins with.

    Raises:
        DataError: The weights cannot be used.
        UsageError: The base cannot be cut there, or the pictures are too small for it.
    """
    base = FrozenBase.of(prepared.recipe, _base_of(prepared), progress)
    part = _part(prepared, "train", base, progress)
    features = _with_views(prepared, part, base, progress)
    batches = _batches(features, part.dataset, prepared.recipe, shuffle=True)

    from viewfinder.training.heads import compiled_head, mean_and_deviation

    model = compiled_head(batches, prepared.recipe, _base_of(prepared).head)
    return model, batches.scaled(*mean_and_deviation(batches))


def write(
    run: Run,
    learned: Learned,
    prepared: Prepared,
    everything: Dataset,
    environment: Mapping[str, Any],
    progress: Progress,
    judged: Sequence[str] = SPLITS,
) -> None:
    """Fill a run's folder with what was learned, judge it on these splits, and report it."""
    recipe = prepared.recipe
    classifier = Classifier(learned.model, prepared.dataset.classes, recipe.preprocessing)
    run.write_start(recipe, classifier, everything, environment)
    _write_models(learned.model, learned.history, run.folder)
    if learned.probe:
        write_json(run.folder / "probe.json", {"schema": 1, **learned.probe.to_json()})
    began = time.perf_counter()
    if learned.predictions is None:
        run.evaluate(judged, store_budget=prepared.store_budget, progress=progress)
    else:
        predictions = learned.predictions
        run.judge(predictions[predictions["split"].isin(judged)].reset_index(drop=True))
    run.write_end(
        {
            "ended": learned.ended,
            "why": "",
            "interrupted": learned.ended == "interrupted",
            **learned.timing,
            "evaluation_s": time.perf_counter() - began,
        }
    )
    run.conclude(progress)


def _write_models(model: "keras.Model", history: pd.DataFrame, folder: Path) -> None:
    """Leave what a fit in epochs leaves; of a head that was solved for, last and best are one."""
    from viewfinder.training.callbacks import save_model
    from viewfinder.training.fit import BEST, HISTORY, LAST

    save_model(model, folder / BEST)
    save_model(model, folder / LAST)
    with written_whole(folder / HISTORY) as temporary:
        history.to_csv(temporary, index=False)


def _base_of(prepared: Prepared) -> Transfer:
    """The settings of the base whose features the head is fitted on."""
    settings = prepared.recipe.on_features
    assert settings is not None
    return settings


@dataclass(frozen=True, eq=False)
class _Part:
    """A split's pictures that have features, and these, float32 (n, d)."""

    dataset: Dataset
    positions: NDArray[np.intp]
    rows: Matrix

    def where(self, kept: NDArray[np.bool_]) -> "_Part":
        """Some of the pictures."""
        return _Part(self.dataset.where(kept), self.positions[kept], self.rows[kept])


@dataclass(frozen=True, eq=False)
class _Head:
    """A fitted head of either kind; a linear one has no epochs."""

    weights: "HeadWeights"
    seconds: list[float]
    history: pd.DataFrame | None = None
    ended: str = "finished"
    probe: Probe | None = None


def _part(prepared: Prepared, split: str, base: FrozenBase, progress: Progress) -> _Part:
    """The features of a split's pictures as they are, without variation."""
    recipe, dataset = prepared.recipe, prepared.dataset.only(split)
    pictures = prepared.pictures[split]
    if pictures.shape != recipe.preprocessing.shape:  # larger, for the views
        budget = prepared.store_budget
        store = open_store(dataset, recipe.preprocessing, budget=budget, progress=progress)
        pictures = store.pictures(dataset)
    rows = features_of(dataset, pictures, base.extractor, recipe.preprocessing, progress=progress)
    kept = np.asarray(np.isfinite(rows).all(axis=1))
    return _Part(dataset.where(kept), np.flatnonzero(kept), rows[kept])


def _with_views(prepared: Prepared, part: _Part, base: FrozenBase, progress: Progress) -> Matrix:
    """The training pictures' features, (n, views, d): as they are, and in further views."""
    plain = part.rows[:, None]
    further = _base_of(prepared).views - 1
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


def _fit(
    prepared: Prepared,
    training: Matrix,
    parts: Mapping[str, _Part],
    progress: Progress,
    callbacks: "Sequence[keras.callbacks.Callback]",
) -> _Head:
    from viewfinder.training.heads import fit_head, linear_weights

    recipe, dataset = prepared.recipe, parts["train"].dataset
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
        return _Head(linear_weights(probe.head), [time.perf_counter() - began], probe=probe)
    done = fit_head(
        _batches(training, dataset, recipe, shuffle=True),
        _batches(parts["validation"].rows[:, None], parts["validation"].dataset, recipe),
        recipe,
        _base_of(prepared).head,
        progress=progress,
        callbacks=callbacks,
    )
    fitted = done.fitted
    return _Head(done.weights, fitted.seconds, fitted.history, fitted.ended)


def _batches(
    features: Matrix, dataset: Dataset, recipe: Recipe, *, shuffle: bool = False
) -> FeatureBatches:
    size = recipe.training.batch_size
    return FeatureBatches(features, dataset.labels, dataset.ids, size, recipe.seed, shuffle)


def _one_epoch(
    parts: Mapping[str, _Part],
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


def _says_the_same(
    model: "keras.Model",
    prepared: Prepared,
    answers: NDArray[np.float64],
    part: _Part,
    progress: Progress,
) -> bool:
    """Whether the finished model answers some training pictures as base and head did."""
    asked = np.linspace(0, len(part.rows) - 1, min(_ASKED, len(part.rows))).astype(np.intp)
    recipe = prepared.recipe
    some = part.dataset.where(np.isin(np.arange(len(part.rows)), asked))
    pictures = LivePictures(some.source, list(some.table["locator"]), recipe.preprocessing)
    images, kept = pictures.read(np.arange(len(some)))
    classifier = Classifier(model, some.classes, recipe.preprocessing)
    off = np.abs(classifier.probabilities(images) - answers[asked][kept]).max(initial=0.0)
    if off > _TOLERANCE:
        progress.say(
            f"The finished model is up to {off:.2g} from base and head: it is asked itself.",
            style="yellow",
        )
    return bool(off <= _TOLERANCE)
