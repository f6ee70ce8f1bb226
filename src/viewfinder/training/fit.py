"""The fit: a compiled model, batches, and what is kept of each epoch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import keras
import pandas as pd

from viewfinder.batches.pictures import Batches
from viewfinder.core.progress import Progress
from viewfinder.recipe import Recipe
from viewfinder.recipe.stages import Size
from viewfinder.recipe.stopping import Stopping, parse_target
from viewfinder.training import checkpoint
from viewfinder.training.adapters import BatchDataset, Feed
from viewfinder.training.averaging import companions_of
from viewfinder.training.callbacks import BestModel, HistoryFile, save_model
from viewfinder.training.checkpoint import Checkpoint, Checkpoints
from viewfinder.training.course import Course, HaltedError, Keeper
from viewfinder.training.display import TrainingProgress
from viewfinder.training.interruption import Interruption
from viewfinder.training.memory import is_out_of_memory, out_of_memory
from viewfinder.training.step import JudgedInFloat32, build_all, elastic, fused_norms
from viewfinder.training.stopping import StopAfter, StopAtTarget, Stopper, StopWithoutProgress

BEST = "best.keras"
LAST = "last.keras"
HISTORY = "history.csv"


@dataclass(frozen=True)
class Fitted:
    """What a fit has come to; the models themselves are in its folder.

    Attributes:
        history: A row an epoch: epoch, loss, accuracy, val_loss, val_accuracy, learning_rate,
            size where the training had stages, and kept.
        seconds: How long each epoch took.
        training_seconds: How long all of it took, in all sittings.
        best_epoch: The epoch of `best.keras`, from 1; None if no epoch was finished.
        ended: Why it ended: "finished", "target", "patience", "time", "interrupted", "diverged",
            or "callback" where one of the caller's has ended it.
        why: The same as a sentence, where there is more to say.
    """

    history: pd.DataFrame
    seconds: list[float]
    training_seconds: float
    best_epoch: int | None
    ended: str
    why: str = ""

    @property
    def interrupted(self) -> bool:
        """Whether the user stopped it."""
        return self.ended == "interrupted"


@dataclass(frozen=True)
class Part:
    """Epochs that one fit of Keras can run: all of one size, and whole or the rest of one.

    Attributes:
        size: The (height, width) of the training pictures, where there are stages.
        epochs: Their numbers, from 0.
        first_batch: Where the first of them goes on.
    """

    size: Size | None
    epochs: range
    first_batch: int = 0


def fit(
    model: keras.Model,
    train: Feed,
    validation: Feed,
    recipe: Recipe,
    folder: Path,
    *,
    progress: Progress | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    resume: bool = False,
) -> Fitted:
    """Train a compiled model; `best.keras`, `last.keras` and `history.csv` are left in `folder`.

    Ctrl-C ends the training, not the program: what has been reached is saved as if it were the end.
    A checkpoint is kept in `folder`, and with `resume` the training goes on from it: on one CPU
    machine the weights and the history are those of a training that never stopped.

    Raises:
        OutOfMemory: A batch is too large; what was reached before it is saved.
    """
    progress = progress or Progress(0)
    fitting = _Fitting(model, train, validation, recipe, folder)
    start = fitting.checkpoints.newest(progress.say) if resume else None
    done = start.epoch * len(train) + start.batch if start else 0
    bar = TrainingProgress(progress, recipe.training.epochs, len(train), done=done)
    interruption = Interruption()
    course = fitting.course([bar, *callbacks, interruption])
    if start:
        course.resume(start)
        progress.say(
            f"Going on in epoch {start.epoch + 1}, after {start.batch} of {len(train)} batches."
        )
    else:
        if resume and (folder / HISTORY).exists():
            progress.say("No checkpoint is left: the training begins anew.", style="yellow")
        fitting.checkpoints.clear()
        course.keep_first()
    try:
        with interruption, fused_norms(fitting.model):
            fitting.run(course, start)
    finally:
        bar.close()
    return fitting.end(course, progress.say)


class _Fitting:
    """A fit's model, batches and folder, from one part to the next."""

    def __init__(
        self, model: keras.Model, train: Feed, validation: Feed, recipe: Recipe, folder: Path
    ) -> None:
        self.kept = model
        self.model = elastic(model, recipe.epoch_sizes) if recipe.training.stages else model
        build_all(self.model)
        self.train, self.validation = train, validation
        self.recipe, self.folder = recipe, folder
        self.checkpoints = Checkpoints(folder / checkpoint.FOLDER)
        self.history = HistoryFile(folder / HISTORY)
        self.companions = companions_of(recipe, train)
        self.best = BestModel(
            folder / BEST,
            self.history,
            len(validation.labels),
            comes_to_rest=recipe.training.comes_to_rest,
            model=model,
            as_kept=self.companions.as_kept,
        )
        self.interrupted = False
        self.error: BaseException | None = None

    def course(self, others: Sequence[keras.callbacks.Callback]) -> Course:
        """The callbacks of the whole training."""
        training = self.recipe.training
        return Course(
            self.model,
            [
                *(self.history, self.best),
                *stoppers(training.stop),
                *self.companions.callbacks,
                JudgedInFloat32(),
                *others,
            ],
            Keeper(self.checkpoints, training.checkpoint_minutes * 60),
            epochs=training.epochs,
            steps=len(self.train),
        )

    def run(self, course: Course, start: Checkpoint | None) -> None:
        """Fit part after part, from the checkpoint on, until the end or until it is stopped."""
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
            if self.history.rows:  # it may have come while the last epoch was being kept
                self.best.consider()
                self.history.write()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self.error = error

    def end(self, course: Course, say: Callable[[str], None]) -> Fitted:
        """Save what was reached, and say how it ended."""
        stopper = course.stopper
        if self.error or (stopper and stopper.reason == "diverged"):
            self._go_back()
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
        )

    def _run_part(self, part: Part, course: Course, *, is_done: bool) -> None:
        """One fit; or what is left of an epoch all of whose batches are done."""
        course.begin_part(part.epochs.start, part.first_batch)
        validation = BatchDataset(self.validation)
        train = self.train
        if part.size is not None:
            assert isinstance(train, Batches)
            train = replace(train, size=part.size)
            self.history.size = f"{part.size[0]}x{part.size[1]}"
            # Else TensorFlow compiles a step for all sizes, whose last bits are not those of one.
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
        try:
            self.model.fit(
                feed,
                validation_data=validation,
                initial_epoch=part.epochs.start,
                epochs=part.epochs.stop,
                shuffle=False,  # the batches shuffle by themselves, by seed
                verbose=0,
                callbacks=course,
            )
        finally:
            for one in (feed, validation):
                one.on_epoch_end()  # Keras does not end an epoch that was broken off
        course.end_part()

    def _sizes(self) -> Sequence[Size | None]:
        training = self.recipe.training
        return self.recipe.epoch_sizes if training.stages else [None] * training.epochs

    def _go_back(self) -> None:
        """Put the weights where they last were good."""
        newest = self.checkpoints.newest(lambda _: None)
        if newest:
            newest.restore(self.model)


def stoppers(settings: Stopping) -> Iterator[Stopper]:
    """The callbacks that end a training as the recipe says."""
    if settings.target:
        metric, value = parse_target(settings.target)
        yield StopAtTarget(metric, value, hold=settings.hold)
    if settings.patience:
        yield StopWithoutProgress(settings.patience)
    if settings.max_time:
        yield StopAfter(settings.max_time)


def parts(sizes: Sequence[Size | None], start: Checkpoint | None) -> Iterator[Part]:
    """The fits that a training takes: its stages, and the rest of the epoch where it goes on.

    Args:
        sizes: Each epoch's (height, width); None for the pictures' own.
        start: Where it goes on.
    """
    first = start.epoch if start else 0
    if start and start.batch:
        yield Part(sizes[first], range(first, first + 1), start.batch)
        first += 1
    for size, group in groupby(range(first, len(sizes)), key=lambda epoch: sizes[epoch]):
        epochs = list(group)
        yield Part(size, range(epochs[0], epochs[-1] + 1))
