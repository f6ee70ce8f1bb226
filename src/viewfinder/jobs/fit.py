"""The fit of a run: by steps, a head on features, and fine-tuning after either."""

from typing import TYPE_CHECKING

from viewfinder.core.progress import Progress
from viewfinder.jobs.announce import watchers_of
from viewfinder.jobs.heads import fit_on_features
from viewfinder.jobs.job import Job
from viewfinder.jobs.prepare import Prepared, batches_of, validation_of
from viewfinder.run_folder import RunFolder
from viewfinder.runtime.backend import use_deterministic_operations

if TYPE_CHECKING:
    import keras

    from viewfinder.augment.batches import Batches
    from viewfinder.models.fitted import Fitted
    from viewfinder.training.phases import Phases


def fit_run(run: RunFolder, prepared: Prepared, job: Job, *, resume: bool = False) -> "Fitted":
    """Fit the recipe's model; `best.keras`, `last.keras` and `history.csv` are left in the run.

    The first phase trains by steps, or fits a head on stored features of a frozen base. Where the
    recipe fine-tunes, a second phase trains the top of the base too, on the pictures that were not
    set aside to decide between the two. Without validation pictures, nothing is set aside, and the
    last epoch is kept.

    Args:
        run: The run's folder.
        prepared: The pictures and the recipe.
        job: Progress and callbacks.
        resume: Whether to continue from the run's checkpoint.
    """
    recipe, progress = prepared.recipe, job.progress
    if recipe.training.deterministic:
        progress.say(use_deterministic_operations())
    if recipe.chooses_on_folds:  # a solved head needs no batches
        ids = prepared.dataset.only("train").ids
        return fit_on_features(prepared, ids, run.folder, run.folder, progress)
    from viewfinder.training.fine_tune import Feeds, fine_tune  # imports Keras
    from viewfinder.training.phases import Phases, set_aside

    tuning, phases = recipe.training.fine_tune, Phases(run.folder)
    train = batches_of(prepared, "train")
    if tuning is None:
        return _first_phase(run, prepared, train, phases, job, resume=resume)
    validation, aside = validation_of(prepared), None
    if validation:
        train, aside = set_aside(train, tuning.set_aside)
    if phases.first:
        progress.say("The first phase has ended; continuing with fine-tuning.")
    else:
        fitted = _first_phase(run, prepared, train, phases, job, resume=resume)
        if fitted.ended not in ("finished", "patience"):
            return fitted
        phases.end_first(fitted)
    feeds = Feeds(train, validation, aside)
    watchers = watchers_of(run.folder, run.folder, job)
    return fine_tune(phases, feeds, recipe, progress=progress, callbacks=watchers)


def _first_phase(
    run: RunFolder,
    prepared: Prepared,
    train: "Batches",
    phases: "Phases",
    job: Job,
    *,
    resume: bool,
) -> "Fitted":
    """A head on the features of the base, or all of the model by steps."""
    from viewfinder.training import fit

    if prepared.recipe.on_features:
        watchers = watchers_of(run.folder, phases.head, job)
        return fit_on_features(prepared, train.ids, run.folder, phases.head, job.progress, watchers)
    return fit(
        compiled(prepared, job.progress),
        train,
        validation_of(prepared),
        prepared.recipe,
        run.folder,
        progress=job.progress,
        callbacks=watchers_of(run.folder, run.folder, job),
        resume=resume,
    )


def compiled(prepared: Prepared, progress: Progress) -> "keras.Model":
    """The recipe's model, compiled.

    Raises:
        UsageError: Fine-tuning names a layer that the base does not have.
    """
    from viewfinder.models import build_model
    from viewfinder.training import compile_model
    from viewfinder.training.fine_tune import blocks_to_train

    recipe = prepared.recipe
    model = build_model(recipe, len(prepared.dataset.classes), progress=progress)
    steps_an_epoch = len(batches_of(prepared, "train"))
    compile_model(model, recipe, steps=steps_an_epoch * recipe.steps.epochs)
    if recipe.training.fine_tune:
        blocks_to_train(model, recipe.training.fine_tune)  # refuses a wrong name before training
    return model
