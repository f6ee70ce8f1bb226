"""Fine-tuning: a second fit, in which the top of the base trains too, slowly.

It starts from the best model of the first. Whether it is kept is decided by pictures that were
carved from the training pictures: neither fit has trained on them, and validation has not chosen
by them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from viewfinder.bases.networks.blocks import base_layers, blocks_of
from viewfinder.bases.networks.layers import can_train, unfreeze
from viewfinder.batches.pictures import Batches
from viewfinder.core.errors import UsageError, nearest
from viewfinder.core.files import write_json, written_whole
from viewfinder.core.progress import Progress
from viewfinder.recipe import Recipe
from viewfinder.recipe.transfer import FineTune
from viewfinder.training.adapters import BatchDataset
from viewfinder.training.compiled import compile_model
from viewfinder.training.fit import BEST, HISTORY, Fitted, fit
from viewfinder.training.phases import Phases
from viewfinder.training.schedules import set_rates

RECORD = "fine_tuning.json"
HEAD_PHASE, TUNED_PHASE, REFUSED_PHASE = "head", "fine-tuning", "fine-tuning, not kept"


@dataclass(frozen=True)
class Feeds:
    """The pictures of both phases.

    Attributes:
        train: What trains.
        validation: What chooses an epoch within a phase.
        carved: What decides between the phases; see :func:`viewfinder.training.phases.carve`.
    """

    train: Batches
    validation: Batches
    carved: Batches


@dataclass(frozen=True)
class Verdict:
    """Which phase's model did better on the carved pictures.

    Attributes:
        before: `accuracy` and `loss` of the first phase's best model.
        after: The same of the second's.
        carved: How many pictures there were.
    """

    before: dict[str, float]
    after: dict[str, float]
    carved: int

    @property
    def is_kept(self) -> bool:
        """Whether fine-tuning was of use: more accurate, or as accurate with a lower loss."""
        before, after = self.before, self.after
        return (after["accuracy"], -after["loss"]) > (before["accuracy"], -before["loss"])

    def __str__(self) -> str:
        return (
            f"Fine-tuning is {'kept' if self.is_kept else 'not kept'}: on {self.carved:,} pictures "
            f"carved from training, "
            f"accuracy {self.before['accuracy']:.4f} → {self.after['accuracy']:.4f}, "
            f"loss {self.before['loss']:.4f} → {self.after['loss']:.4f}."
        )

    def to_json(self, from_layer: str, epochs: int) -> dict[str, Any]:
        """What `fine_tuning.json` holds; see docs/formats.md."""
        return {
            "schema": 1,
            "kept": self.is_kept,
            "from_layer": from_layer,
            "carved": self.carved,
            "before": self.before,
            "after": self.after,
            "epochs": epochs,
        }


def fine_tune(
    phases: Phases,
    feeds: Feeds,
    recipe: Recipe,
    *,
    progress: Progress | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Fitted:
    """Go on with the model of the first phase, its base's top included.

    Nothing but the files of the first phase decides where it begins, and one that was stopped goes
    on from its checkpoint. In the run's folder, `best.keras` and `last.keras` become those of the
    better phase; `history.csv` gets both, and `fine_tuning.json` says how it was decided.

    Args:
        phases: The first has ended.
        feeds: The pictures of both phases.
        recipe: A recipe with `training.fine_tune`.
        progress: Shows how far it is.
        callbacks: Further Keras callbacks.

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
    second = _made_ready(model, feeds, recipe, settings)
    from_layer = _announce(model, settings, second, progress)
    before = _judged(model, feeds.carved)
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
    verdict = Verdict(before, _judged(model, feeds.carved), len(feeds.carved.labels))
    phases.take(phases.after if verdict.is_kept else phases.before)
    progress.say(str(verdict))
    together = _joined(first, tuned, verdict.is_kept)
    with written_whole(phases.run / HISTORY) as temporary:
        together.history.to_csv(temporary, index=False)
    write_json(phases.run / RECORD, verdict.to_json(from_layer, settings.epochs))
    return together


def blocks_to_train(model: keras.Model, settings: FineTune) -> list[list[keras.Layer]]:
    """The top of a model's base, as blocks, from below; nothing is changed.

    Raises:
        UsageError: There is no such layer, or nothing in it can train.
    """
    blocks = blocks_of(model)
    if settings.from_layer is None:
        return blocks[-settings.blocks :]
    names = [layer.name for layer in base_layers(model)]
    if settings.from_layer not in names:
        raise UsageError(
            f"The base has no layer {settings.from_layer!r} to be fine-tuned from.",
            remedy=nearest(settings.from_layer, [block[0].name for block in blocks]),
        )
    above = set(names[names.index(settings.from_layer) :])
    kept = [[layer for layer in block if layer.name in above] for block in blocks]
    kept = [block for block in kept if any(map(can_train, block))]
    if not kept:
        raise UsageError(
            "Nothing of the base would train.",
            expected="a training.fine_tune.from_layer with layers above it that have weights",
            received=settings.from_layer,
        )
    return kept


def thaw(model: keras.Model, settings: FineTune) -> dict[str, float]:
    """Let the top of a model's base train; each weight's share of the learning rate, by path.

    Raises:
        UsageError: There is no such layer, or nothing in it can train.
    """
    shares: dict[str, float] = {}
    for height, block in enumerate(reversed(blocks_to_train(model, settings)), start=1):
        for layer in block:
            unfreeze(layer)
            for variable in layer.trainable_weights:
                shares[variable.path] = settings.decay**height
    return shares


def _made_ready(model: keras.Model, feeds: Feeds, recipe: Recipe, settings: FineTune) -> Recipe:
    """Unfreeze and compile for the second phase; its recipe."""
    rate = recipe.training.learning_rate * settings.factor
    changes = {"learning_rate": rate, "epochs": settings.epochs, "fine_tune": None}
    second = recipe.model_copy(update={"training": recipe.training.model_copy(update=changes)})
    shares = thaw(model, settings)
    compile_model(model, second, steps=len(feeds.train) * settings.epochs)
    set_rates(model.optimizer, shares)
    return second


def _model_in(folder: Path) -> keras.Model:
    """The best model of a phase; its dropout begins anew."""
    return keras.saving.load_model(folder / BEST, compile=False)


def _judged(model: keras.Model, carved: Batches) -> dict[str, float]:
    found = model.evaluate(BatchDataset(carved), return_dict=True, verbose=0)
    return {"accuracy": float(found["accuracy"]), "loss": float(found["loss"])}


def _joined(fitted: Fitted, tuned: Fitted, is_kept: bool) -> Fitted:
    """Both phases as one, the second's epochs counted on."""
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
    )


def _announce(model: keras.Model, settings: FineTune, second: Recipe, progress: Progress) -> str:
    """Say what trains; the first layer that does."""
    trained = [layer for layer in base_layers(model) if layer.trainable_weights]
    count = sum(layer.count_params() for layer in trained)
    progress.say(
        f"Fine-tuning: {count:,} weights of the base, from {trained[0].name} on; batch norm stays "
        f"as it is; learning rate {second.training.learning_rate:g}, "
        f"× {settings.decay:g} for each block down."
    )
    return str(trained[0].name)
