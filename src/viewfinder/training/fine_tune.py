"""Fine-tuning: a second fit, which trains the top of the base too, at a low learning rate.

The second fit starts from the best model of the first. An exact paired test decides which of the
two models the run keeps, on pictures that neither fit trains on: the validation pictures, and
pictures set aside from the training pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from viewfinder.augment.batches import Batches
from viewfinder.bases.networks.blocks import base_layers, blocks_of
from viewfinder.bases.networks.layers import can_train, unfreeze
from viewfinder.core.errors import UsageError, nearest
from viewfinder.core.files import write_json, written_whole
from viewfinder.core.pairs import beats
from viewfinder.core.progress import Progress
from viewfinder.models.fitted import Fitted
from viewfinder.recipe import Recipe
from viewfinder.recipe.transfer import FineTune
from viewfinder.run_folder.files import PhaseFigures, PhasesCompared
from viewfinder.training.compiled import compile_model
from viewfinder.training.fit import BEST, HISTORY, fit
from viewfinder.training.phases import Phases
from viewfinder.training.schedules import set_rates

RECORD = "fine_tuning.json"
HEAD_PHASE, TUNED_PHASE, REFUSED_PHASE = "head", "fine-tuning", "fine-tuning, not kept"


@dataclass(frozen=True)
class Feeds:
    """The pictures of both phases.

    Attributes:
        train: Batches to train on.
        validation: Batches that select the best epoch of a phase, and decide between the phases;
            None to keep the last epoch of the second phase.
        aside: Batches that decide between the phases only; see
            :func:`viewfinder.training.phases.set_aside`.
    """

    train: Batches
    validation: Batches | None = None
    aside: Batches | None = None

    @property
    def deciding(self) -> dict[str, Batches]:
        """The batches that decide between the phases, by name; empty where all pictures train."""
        found = {"validation": self.validation, "aside": self.aside}
        return {name: batches for name, batches in found.items() if batches is not None}


class Decision(PhasesCompared):
    """The comparison of both phases' best models on the pictures that decide."""

    @classmethod
    def of(cls, before: pd.DataFrame, after: pd.DataFrame) -> "Decision":
        """Compare the answers of both models, as :func:`answers` returns them."""
        both = before.index.intersection(after.index)  # a picture may become unreadable
        before, after = before.loc[both], after.loc[both]
        return cls(
            before=_mean(before),
            after=_mean(after),
            pictures=len(both),
            only_before=int((before["accuracy"] > after["accuracy"]).sum()),
            only_after=int((after["accuracy"] > before["accuracy"]).sum()),
        )

    @property
    def is_kept(self) -> bool:
        """Whether the second model is right more often, by more than chance explains."""
        return beats(self.only_after, self.only_before)

    def __str__(self) -> str:
        return (
            f"Fine-tuning is {'kept' if self.is_kept else 'not kept'}: on {self.pictures:,} "
            "pictures that did not train (validation, and set aside from training), it is right "
            f"on {self.only_after:,} that the head before it misses, and wrong on "
            f"{self.only_before:,} that the head knows; accuracy {self.before.accuracy:.4f} → "
            f"{self.after.accuracy:.4f}, loss {self.before.loss:.4f} → "
            f"{self.after.loss:.4f}."
        )


def _mean(answers: pd.DataFrame) -> PhaseFigures:
    return PhaseFigures(**{name: float(answers[name].mean()) for name in ("accuracy", "loss")})


def fine_tune(
    phases: Phases,
    feeds: Feeds,
    recipe: Recipe,
    *,
    progress: Progress | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Fitted:
    """Train the best model of the first phase further, together with the top of its base.

    Starts from the files of the first phase, or resumes from a checkpoint of the second. In the
    run's folder, `best.keras` and `last.keras` become those of the better phase; `history.csv` gets
    both phases, and `fine_tuning.json` the figures of the decision.

    Args:
        phases: The run's phases, the first of which has ended.
        feeds: The pictures of both phases.
        recipe: A recipe with `training.fine_tune`.
        progress: Prints and draws the epochs.
        callbacks: Further Keras callbacks.

    Returns:
        The outcome of both phases.

    Raises:
        UsageError: The base has no such layer.
    """
    first, settings = phases.first, recipe.training.fine_tune
    if first is None or settings is None:
        raise UsageError(
            "There is nothing to fine-tune.",
            expected="training.fine_tune, and a first phase that has ended",
        )
    progress = progress or Progress(0)
    model = _model_in(phases.before)
    second = _prepare(model, feeds, recipe, settings)
    from_layer = _announce(model, settings, second, progress)
    before = answers(model, feeds) if feeds.deciding else None
    tuned = fit(
        model,
        feeds.train,
        feeds.validation,
        second,
        phases.after,
        progress=progress,
        callbacks=callbacks,
        resume=True,
    )
    model.set_weights(_model_in(phases.after).get_weights())
    decision = None if before is None else Decision.of(before, answers(model, feeds))
    is_kept = decision is None or decision.is_kept
    phases.take(phases.after if is_kept else phases.before)
    if decision:
        progress.say(str(decision))
    joined = _joined(first, tuned, is_kept)
    with written_whole(phases.run / HISTORY) as temporary:
        joined.history.to_csv(temporary, index=False)
    record = {"schema": 1, "kept": is_kept, "from_layer": from_layer, "epochs": settings.epochs}
    record["set_aside"] = 0 if feeds.aside is None else len(feeds.aside.labels)
    write_json(phases.run / RECORD, record | (decision.model_dump() if decision else {}))
    return joined


def answers(model: keras.Model, feeds: Feeds) -> pd.DataFrame:
    """Return a model's answers to the pictures that decide between the phases.

    Returns:
        A row for each readable picture, by feed and position: `accuracy`, 1 if the answer is
        right, else 0; and `loss`, the cross-entropy in nats.
    """
    found = []
    for name, batches in feeds.deciding.items():
        for batch in batches.epoch():
            # Filled up to one size, so that Keras compiles one function.
            images = np.resize(batch.images, (batches.batch_size, *batch.images.shape[1:]))
            shares = np.asarray(model.predict_on_batch(images), np.float64)[: len(batch.labels)]
            if shares.shape[1] == 1:  # the probability of the second of two classes
                shares = np.hstack([1 - shares, shares])
            of_label = shares[np.arange(len(shares)), batch.labels]
            rows = {
                "accuracy": (shares.argmax(axis=1) == batch.labels).astype(float),
                "loss": -np.log(np.maximum(of_label, keras.config.epsilon())),
            }
            index = pd.MultiIndex.from_product([[name], batch.positions])
            found.append(pd.DataFrame(rows, index=index))
    return pd.concat(found)


def blocks_to_train(model: keras.Model, settings: FineTune) -> list[list[keras.Layer]]:
    """Return the top of a model's base as blocks, from input to output, without changing it.

    Raises:
        UsageError: The base has no such layer, or no layer above it can train.
    """
    blocks = blocks_of(model)
    if settings.from_layer is None:
        return blocks[-settings.blocks :]
    names = [layer.name for layer in base_layers(model)]
    if settings.from_layer not in names:
        raise UsageError(
            f"The base has no layer {settings.from_layer!r} to fine-tune from.",
            remedy=nearest(settings.from_layer, [block[0].name for block in blocks]),
        )
    above = set(names[names.index(settings.from_layer) :])
    kept = [[layer for layer in block if layer.name in above] for block in blocks]
    kept = [block for block in kept if any(map(can_train, block))]
    if not kept:
        raise UsageError(
            "No layer of the base would train.",
            expected="a training.fine_tune.from_layer with layers above it that have weights",
            received=settings.from_layer,
        )
    return kept


def thaw(model: keras.Model, settings: FineTune) -> dict[str, float]:
    """Unfreeze the top of a model's base; return factors of the learning rate by weight path.

    Raises:
        UsageError: The base has no such layer, or no layer above it can train.
    """
    shares: dict[str, float] = {}
    for height, block in enumerate(reversed(blocks_to_train(model, settings)), start=1):
        for layer in block:
            unfreeze(layer)
            for variable in layer.trainable_weights:
                shares[variable.path] = settings.decay**height
    return shares


def _prepare(model: keras.Model, feeds: Feeds, recipe: Recipe, settings: FineTune) -> Recipe:
    """Unfreeze and compile the model for the second phase; return its recipe."""
    second = recipe.second_phase
    shares = thaw(model, settings)
    compile_model(model, second, steps=len(feeds.train) * settings.epochs)
    set_rates(model.optimizer, shares)
    return second


def _model_in(folder: Path) -> keras.Model:
    """Load the best model of a phase; its dropout restarts from the seed."""
    return keras.saving.load_model(folder / BEST, compile=False)


def _joined(fitted: Fitted, tuned: Fitted, is_kept: bool) -> Fitted:
    """Join both phases into one outcome, with consecutive epoch numbers."""
    done = len(fitted.history)
    second = tuned.history.assign(
        epoch=tuned.history["epoch"] + done, phase=TUNED_PHASE if is_kept else REFUSED_PHASE
    )
    history = pd.concat([fitted.history.assign(phase=HEAD_PHASE), second], ignore_index=True)
    best = tuned.best_epoch + done if is_kept and tuned.best_epoch else fitted.best_epoch
    return replace(
        tuned,
        history=history,
        seconds=[*fitted.seconds, *tuned.seconds],
        best_epoch=best,
        training_seconds=fitted.training_seconds + tuned.training_seconds,
        stages={
            name: fitted.stages.get(name, 0.0) + tuned.stages.get(name, 0.0)
            for name in {**fitted.stages, **tuned.stages}
        },
    )


def _announce(model: keras.Model, settings: FineTune, second: Recipe, progress: Progress) -> str:
    """Print what trains; return the first layer that trains."""
    trained = [layer for layer in base_layers(model) if layer.trainable_weights]
    count = sum(layer.count_params() for layer in trained)
    progress.say(
        f"Fine-tuning: {count:,} weights of the base, from {trained[0].name} on; batch norms are "
        f"frozen; learning rate {second.steps.optimizer.learning_rate:g}, "
        f"× {settings.decay:g} for each block towards the input."
    )
    return str(trained[0].name)
