"""Fits a compiled model to batches, with checkpoints, the best model and the history."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import keras

from viewfinder.augment.batches import Batches
from viewfinder.core.progress import Progress
from viewfinder.core.stages import Stages, shared_out
from viewfinder.models.fitted import Fitted
from viewfinder.recipe import Recipe
from viewfinder.recipe.stages import Size
from viewfinder.recipe.stopping import Stopping, parse_target
from viewfinder.training import checkpoint
from viewfinder.training.adapters import BatchDataset, Feed
from viewfinder.training.averaging import companions_of
from viewfinder.training.callbacks import BestModel, HistoryFile, StageClock, save_model
from viewfinder.training.checkpoint import Checkpoint, Checkpoints
from viewfinder.training.course import Course, HaltedError
from viewfinder.training.display import TrainingProgress
from viewfinder.training.interruption import Interruption
from viewfinder.training.memory import is_out_of_memory, out_of_memory
from viewfinder.training.step import EvaluatedInFloat32, build_all, elastic, fused_norms
from viewfinder.training.stopping import StopAfter, StopAtTarget, Stopper, StopWithoutProgress

BEST = "best.keras"
LAST = "last.keras"
HISTORY = "history.csv"


@dataclass(frozen=True)
class Part:
    """Epochs that one fit of Keras runs: whole epochs of one size, or the rest of an epoch.

    Attributes:
        size: The (height, width) of the training pictures; None without stages.
        epochs: Numbers of the epochs, from 0.
        first_batch: The batch at which the first epoch begins.
    """

    size: Size | None
    epochs: range
    first_batch: int = 0


def fit(
    model: keras.Model,
    train: Feed,
    validation: Feed | None,
    recipe: Recipe,
    folder: Path,
    *,
    progress: Progress | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    resume: bool = False,
) -> Fitted:
    """Train a compiled model; write `best.keras`, `last.keras` and `history.csv` to `folder`.

    Ctrl-C ends the training, not the program, and saves the models as at the end. `folder` has
    checkpoints, from which a training resumes with `resume`. On one CPU machine the weights and the
    history then equal those of an uninterrupted training.

    Args:
        model: Compiled for the recipe.
        train: Batches to train on.
        validation: Batches that select the best epoch; None to keep the last one.
        recipe: A recipe that trains by steps.
        folder: The folder of models, history and checkpoints.
        progress: Prints and draws the epochs.
        callbacks: Further Keras callbacks.
        resume: Whether to continue from the newest checkpoint.

    Raises:
        OutOfMemory: A batch is too large; the models and the history so far are saved.
    """
    progress = progress or Progress(0)
    fitting = _Fitting(model, train, validation, recipe, folder)
    start = fitting.checkpoints.newest(progress.say) if resume else None
    done = start.epoch * len(train) + start.batch if start else 0
    bar = TrainingProgress(progress, recipe.steps.epochs, len(train), done=done)
    interruption = Interruption()
    course = fitting.course([bar, *callbacks, interruption])
    if start:
        course.resume(start)
        progress.say(
            f"Resuming in epoch {start.epoch + 1}, after {start.batch} of {len(train)} batches."
        )
    else:
        if resume and (folder / HISTORY).exists():
            progress.say("No checkpoint is left: restarting the training.", style="yellow")
        fitting.checkpoints.clear()
        course.write_first()
    try:
        with interruption, fused_norms(fitting.model):
            fitting.run(course, start)
    finally:
        bar.close()
    return fitting.end(course, progress.say)


class _Fitting:
    """The model, batches, callbacks and folder of a fit, shared by its parts."""

    def __init__(
        self, model: keras.Model, train: Feed, validation: Feed | None, recipe: Recipe, folder: Path
    ) -> None:
        self.kept = model
        self.model = elastic(model, recipe.epoch_sizes) if recipe.steps.stages else model
        build_all(self.model)
        self.train, self.validation = train, validation
        self.recipe, self.folder = recipe, folder
        self.checkpoints = Checkpoints(
            folder / checkpoint.FOLDER, recipe.steps.checkpoint_minutes * 60
        )
        self.history = HistoryFile(folder / HISTORY)
        self.companions = companions_of(recipe, train)
        self.best = BestModel(
            folder / BEST,
            self.history,
            0 if validation is None else len(validation.labels),
            comes_to_rest=recipe.steps.comes_to_rest,
            model=model,
            as_kept=self.companions.as_kept,
        )
        self.clock = StageClock(self._measured)
        self.feeds: list[BatchDataset] = []
        self.interrupted = False
        self.error: BaseException | None = None

    def course(self, others: Sequence[keras.callbacks.Callback]) -> Course:
        """Return the callbacks of the whole training."""
        training = self.recipe.steps
        return Course(
            self.model,
            [
                *(self.history, self.best, self.clock),
                *stoppers(training.stop),
                *self.companions.callbacks,
                EvaluatedInFloat32(),
                *others,
            ],
            self.checkpoints,
            epochs=training.epochs,
            steps=len(self.train),
        )

    def run(self, course: Course, start: Checkpoint | None) -> None:
        """Fit part after part, from the checkpoint on, until the training ends or is stopped."""
        steps = len(self.train)
        try:
            for part in parts(self._sizes(), start):
                self._run_part(part, course, is_done=part.first_batch == steps)
                if self.model.stop_training:
                    break
        except HaltedError:
            course.end_part()
        except KeyboardInterrupt:
            self.interrupted = True
            course.end_part()
            if self.history.rows:  # Ctrl-C may have interrupted the saving of the last epoch
                self.best.consider()
                self.history.write()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self.error = error

    def end(self, course: Course, say: Callable[[str], None]) -> Fitted:
        """Save the last model, and return the outcome."""
        stopper = course.stopper
        if self.error or (stopper and stopper.reason == "diverged"):
            newest = self.checkpoints.newest(lambda _: None)  # the last whose weights are finite
            if newest:
                newest.restore(self.model)
        course.end()
        save_model(self.kept, self.folder / LAST)
        if self.best.best_epoch is None:
            save_model(self.kept, self.folder / BEST)
        if self.error:
            raise out_of_memory(self.model, self.train, say) from self.error
        ended = "finished"
        if self.interrupted:
            ended = "interrupted"
        elif stopper and stopper.reason:
            ended = stopper.reason
        elif self.model.stop_training:
            ended = "callback"
        return Fitted(
            self.history.table(),
            self.history.seconds,
            course.elapsed,
            self.best.best_epoch,
            ended,
            stopper.sentence if stopper and not self.interrupted else "",
            stages=shared_out(course.elapsed, self.clock.get_state()),
        )

    def _measured(self) -> dict[str, float]:
        """Return the seconds of waiting, and those of the workers; features have none."""
        found = {"waiting": sum(feed.waited for feed in self.feeds)}
        if isinstance(self.train, Batches):
            found |= self.train.stages.seconds
            decoding = getattr(self.train.pictures, "stages", Stages()).seconds.get("decoding", 0.0)
            found |= {"decoding": decoding, "reading": found.get("reading", 0.0) - decoding}
        return found

    def _run_part(self, part: Part, course: Course, *, is_done: bool) -> None:
        """Run a fit, or with `is_done` the validation of an epoch whose batches are all done."""
        course.begin_part(part.epochs.start, part.first_batch)
        validation = None if self.validation is None else BatchDataset(self.validation)
        train = self.train
        if part.size is not None:
            assert isinstance(train, Batches)
            train = replace(train, size=part.size)
            self.history.size = f"{part.size[0]}x{part.size[1]}"
            # A step that TensorFlow compiles for all sizes differs in the last bits.
            self.model.make_train_function(force=True)
        if is_done:
            course.finish_epoch(validation)
            return
        feed = BatchDataset(
            train,
            first_epoch=part.epochs.start,
            first_batch=part.first_batch,
            class_weights=self.companions.class_weights,
        )
        self.feeds.append(feed)
        try:
            self.model.fit(
                feed,
                validation_data=validation,
                initial_epoch=part.epochs.start,
                epochs=part.epochs.stop,
                shuffle=False,  # `Batches` shuffles, by seed
                verbose=0,
                callbacks=course,
            )
        finally:
            for dataset in (feed, validation):
                if dataset is not None:
                    dataset.on_epoch_end()  # Keras does not end an interrupted epoch
        course.end_part()

    def _sizes(self) -> Sequence[Size | None]:
        training = self.recipe.steps
        return self.recipe.epoch_sizes if training.stages else [None] * training.epochs


def stoppers(settings: Stopping) -> Iterator[Stopper]:
    """Yield the callbacks of the recipe's stopping rules."""
    if settings.target:
        metric, value = parse_target(settings.target)
        yield StopAtTarget(metric, value, hold=settings.hold)
    if settings.patience:
        yield StopWithoutProgress(settings.patience)
    if settings.max_time:
        yield StopAfter(settings.max_time)


def parts(sizes: Sequence[Size | None], start: Checkpoint | None) -> Iterator[Part]:
    """Yield the fits of a training: the rest of an interrupted epoch, and a fit for each stage.

    Args:
        sizes: Each epoch's (height, width); None for the pictures' own.
        start: The checkpoint to resume from.
    """
    first = start.epoch if start else 0
    if start and start.batch:
        yield Part(sizes[first], range(first, first + 1), start.batch)
        first += 1
    for size, group in groupby(range(first, len(sizes)), key=lambda epoch: sizes[epoch]):
        epochs = list(group)
        yield Part(size, range(epochs[0], epochs[-1] + 1))
