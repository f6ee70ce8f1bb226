"""From features and a head to a run like any other."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.classifier import Classifier
from viewfinder.core.files import write_json
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import SPLITS, Dataset
from viewfinder.evaluation.answers import answer_table
from viewfinder.features.probe import Probe
from viewfinder.jobs.heads import (
    SplitFeatures,
    fitted_head,
    frozen_base,
    linear_history,
    split_features,
    training_views,
    write_model,
)
from viewfinder.jobs.prepare import Prepared
from viewfinder.run import Run
from viewfinder.store.live import LivePictures

if TYPE_CHECKING:
    import keras

# How many pictures the finished model is asked for, and how far it may be from base and head.
_ASKED = 16
_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class Learned:
    """What features and a head have come to.

    Attributes:
        model: Base and head as one model.
        predictions: A row an answer, for all splits; None where the model itself has to be asked.
        history: A row an epoch; a linear head has one.
        timing: Seconds, by what they were spent on.
        ended: Why the training of the head ended, as in `timing.json`.
        why: The same as a sentence, where there is more to say.
        probe: How a linear head was chosen.
    """

    model: "keras.Model"
    predictions: pd.DataFrame | None
    history: pd.DataFrame
    timing: Mapping[str, Any]
    ended: str
    why: str
    probe: Probe | None


def learn(
    prepared: Prepared,
    progress: Progress,
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
    *,
    folder: Path | None = None,
) -> Learned:
    """Compute the features that are not known yet, fit the head, and put it on the base.

    Args:
        prepared: The pictures.
        progress: Shows how far it is.
        callbacks: Further Keras callbacks, for a head that is trained in epochs.
        folder: Where such a head is trained; by default in a temporary one.

    Raises:
        DataError: The weights cannot be used, or a class has too few pictures for two folds.
        UsageError: The base cannot be cut there, or the pictures are too small for it.
    """
    began = time.perf_counter()
    from viewfinder.models.head import model_name  # imports Keras
    from viewfinder.training.heads import head_probabilities, with_fitted_head

    base, recipe = frozen_base(prepared, progress), prepared.recipe
    backbone = base.backbone
    built = time.perf_counter()
    splits = prepared.dataset.split_sizes()
    parts = {split: split_features(prepared, split, base, progress) for split in splits}
    training = training_views(prepared, parts["train"], base, progress)
    computed = time.perf_counter()
    head = fitted_head(
        training, parts, recipe, base.settings.head, progress, callbacks, folder=folder
    )
    started_s = base.extractor.started_s
    timing = {
        "epochs_s": head.seconds,
        "base_s": built - began + started_s,
        "features_s": computed - built - started_s,
        "head_s": time.perf_counter() - computed,
    }
    name = model_name(recipe.name)
    model = with_fitted_head(
        backbone, base.settings.fitted_head, head.weights, seed=recipe.seed, name=name
    )
    answers = {split: head_probabilities(head.weights, part.rows) for split, part in parts.items()}
    history = linear_history(parts, answers) if head.history is None else head.history
    tables = [
        answer_table(part.dataset.table, part.dataset.classes, answers[split])
        for split, part in parts.items()
    ]
    is_same = _says_the_same(model, prepared, answers["train"], parts["train"], progress)
    predictions = pd.concat(tables, ignore_index=True) if is_same else None
    return Learned(model, predictions, history, timing, head.ended, head.why, head.probe)


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
    write_model(learned.model, learned.history, run.folder)
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
            "why": learned.why,
            "interrupted": learned.ended == "interrupted",
            **learned.timing,
            "evaluation_s": time.perf_counter() - began,
        }
    )
    run.conclude(progress, learned.model)


def _says_the_same(
    model: "keras.Model",
    prepared: Prepared,
    answers: NDArray[np.float64],
    part: SplitFeatures,
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
