"""The main job from top to bottom: a dataset and a recipe become a run."""

import hashlib
import platform
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from viewfinder.classifier import Classifier
from viewfinder.core.errors import UsageError
from viewfinder.core.files import require_writable
from viewfinder.core.parallel import cores
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import SPLITS, Dataset
from viewfinder.jobs.announce import (
    _say_how_it_ended,
    _say_how_to_go_on,
    _say_why_it_ended,
    _watching,
)
from viewfinder.jobs.heads import fit_head_first
from viewfinder.jobs.over_features import learn, write
from viewfinder.jobs.prepare import Prepared, batches_of, prepare, without_dropped
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named
from viewfinder.recipe.stopping import GOES_ON
from viewfinder.recipe.transfer import Transfer
from viewfinder.run import Run, plain_name
from viewfinder.runtime.backend import choose_backend, versions
from viewfinder.runtime.determinism import use_deterministic_operations
from viewfinder.runtime.precision import dtype_policy

if TYPE_CHECKING:
    import keras

    from viewfinder.training import Fitted


def train(
    dataset: Dataset,
    recipe: Recipe | str = "scratch",
    *,
    output: str | Path = "runs",
    name: str | None = None,
    progress: Progress | None = None,
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
    store_budget: int | None = None,
    tensorboard: bool = False,
    on_prepared: Callable[[Prepared], None] | None = None,
    judged: Sequence[str] = SPLITS,
) -> Run:
    """Train a classifier on a dataset, judge it, and write the report.

    Args:
        dataset: Labelled pictures; without a validation split, one is made.
        recipe: A recipe, or the name of one.
        output: The folder that holds the runs.
        name: The run's name; by default the data folder's. A number is added if it is taken.
        progress: What is shown meanwhile; by default bars on a terminal, lines elsewhere.
        callbacks: Further Keras callbacks.
        store_budget: The most bytes of decoded pixels to keep on disk, for each form in which
            pictures are kept; see :func:`viewfinder.store.open_store`.
        tensorboard: Whether logs for TensorBoard are written into the run.
        on_prepared: Called with the pictures once they are ready, before training starts.
        judged: The splits that the run is judged on; :meth:`Run.evaluate` adds others later.

    Returns:
        The run. `run.timing["ended"]` says why the training ended; if Ctrl-C or a kill did, or
        its time was over, :func:`viewfinder.resume` goes on with it.

    Raises:
        DataError: The pictures cannot be trained on.
        OutputError: The run cannot be written; said before any picture is read.
    """
    recipe = recipe_named(recipe) if isinstance(recipe, str) else recipe
    progress = progress or Progress()
    name = plain_name(name or name_of(dataset))
    require_ready(recipe, Path(output), progress, tensorboard=tensorboard)
    prepared = prepare(dataset, recipe, store_budget=store_budget, progress=progress)
    if on_prepared:
        on_prepared(prepared)
    if prepared.recipe.on_features and not prepared.recipe.training.fine_tune:
        place = Path(output) / name
        return _over_features(
            prepared, place, progress, callbacks, tensorboard=tensorboard, judged=judged
        )
    model = compiled(prepared, progress)
    run = Run.create(Path(output), name)
    classifier = Classifier(model, prepared.dataset.classes, prepared.recipe.preprocessing)
    with run.being_trained():
        run.write_start(prepared.recipe, classifier, prepared.everything, _environment(prepared))
        complete(run, model, prepared, progress, callbacks, tensorboard=tensorboard, judged=judged)
    return run


def require_ready(
    recipe: Recipe, output: Path, progress: Progress, *, tensorboard: bool = False
) -> None:
    """What is missing, other than pictures, is said now and not after they have been read.

    Raises:
        UsageError: The folder cannot be written, or a backend or TensorBoard is not installed.
        DataError: There are no such weights.
    """
    require_writable(output)
    progress.detail(f"Backend: {choose_backend()}")
    if tensorboard:
        _require_tensorboard(recipe)
    _require_weights(recipe, progress)


def compiled(prepared: Prepared, progress: Progress) -> "keras.Model":
    """The recipe's model, ready to be fitted."""
    from viewfinder.models import build_model
    from viewfinder.training import compile_model
    from viewfinder.training.fine_tune import blocks_to_train

    recipe = prepared.recipe
    _be_deterministic(recipe, progress)
    model = build_model(recipe, len(prepared.dataset.classes), progress=progress)
    steps_an_epoch = len(batches_of(prepared, "train"))
    compile_model(model, recipe, steps=steps_an_epoch * recipe.training.epochs)
    if recipe.training.fine_tune:
        blocks_to_train(model, recipe.training.fine_tune)  # a wrong name is said before training
    return model


def complete(
    run: Run,
    model: "keras.Model",
    prepared: Prepared,
    progress: Progress,
    callbacks: "Sequence[keras.callbacks.Callback]",
    *,
    tensorboard: bool = False,
    resume: bool = False,
    judged: Sequence[str] = SPLITS,
) -> None:
    """Fit, evaluate, report: everything after pictures, model and folder are ready."""
    from viewfinder.training.phases import Phases

    watching = [*_watching(run, progress, tensorboard=tensorboard), *callbacks]
    try:
        fitted = _fit(run, model, prepared, progress, watching, resume=resume)
        trained = time.perf_counter()
        _say_how_it_ended(fitted, run, progress)
        run.write_data(without_dropped(prepared, progress))
        # A training that was cut short is judged only where it matters, so that it ends soon.
        splits = [split for split in judged if split != "train" or not fitted.interrupted]
        run.evaluate(splits, store_budget=prepared.store_budget, progress=progress)
    except KeyboardInterrupt:  # where no epoch is trained: what is done is kept all the same
        _say_how_to_go_on(run, progress)
        raise
    run.write_end(
        {
            "ended": fitted.ended,
            "why": fitted.why,
            "interrupted": fitted.interrupted,
            "epochs_s": fitted.seconds,
            "training_s": fitted.training_seconds,
            "evaluation_s": time.perf_counter() - trained,
        }
    )
    if fitted.ended not in GOES_ON:
        Phases(run.folder).clear()
    run.conclude(progress)


def name_of(dataset: Dataset) -> str:
    """The folder's name without `.dataset`, or the file's without its endings."""
    place = Path(str(dataset.source)).resolve()
    if place.is_file():
        return place.name.partition(".")[0]
    return place.name.removesuffix(".dataset") or place.name


def _over_features(
    prepared: Prepared,
    wanted: Path,
    progress: Progress,
    callbacks: "Sequence[keras.callbacks.Callback]",
    *,
    tensorboard: bool,
    judged: Sequence[str],
) -> Run:
    """A run whose head is fitted on stored features; its folder is made once that is done."""
    _be_deterministic(prepared.recipe, progress)
    with TemporaryDirectory() as temporary:
        begun = Run(Path(temporary))  # so far as there are epochs: their history, plots and logs
        watching: list[Any] = []
        if not prepared.recipe.solves_head:
            watching = _watching(begun, progress, tensorboard=tensorboard)
        learned = learn(prepared, progress, [*watching, *callbacks], folder=begun.folder)
        if learned.history.empty:  # Ctrl-C before there was anything to keep
            raise KeyboardInterrupt
        run = Run.create(wanted.parent, wanted.name)
        if tensorboard:
            shutil.copytree(begun.folder / "tensorboard", run.folder / "tensorboard")
    _say_why_it_ended(learned.ended, learned.why, "best epoch's", progress)
    data = without_dropped(prepared, progress)
    with run.being_trained():
        write(run, learned, prepared, data, _environment(prepared), progress, judged)
    return run


def _fit(
    run: Run,
    model: "keras.Model",
    prepared: Prepared,
    progress: Progress,
    callbacks: "Sequence[keras.callbacks.Callback]",
    *,
    resume: bool,
) -> "Fitted":
    """Fit the model; with a base, and where the recipe asks for it, fine-tune it then.

    The head comes first, on stored features or in steps through the frozen base.
    """
    from viewfinder.training import fit
    from viewfinder.training.fine_tune import Feeds, fine_tune
    from viewfinder.training.phases import Phases, carve

    recipe = prepared.recipe
    train, validation = batches_of(prepared, "train"), batches_of(prepared, "validation")
    extras: dict[str, Any] = {"progress": progress, "callbacks": callbacks}
    if recipe.training.fine_tune is None:
        return fit(model, train, validation, recipe, run.folder, **extras, resume=resume)
    train, carved = carve(train, recipe.training.fine_tune.carved)
    phases = Phases(run.folder)
    if phases.first:
        progress.say("The first phase is done; going on with fine-tuning.")
    else:
        if recipe.on_features:
            fitted = fit_head_first(model, prepared, train.ids, run.folder, progress, callbacks)
        else:
            fitted = fit(model, train, validation, recipe, run.folder, **extras, resume=resume)
        if fitted.ended not in ("finished", "patience"):
            return fitted
        phases.end_first(fitted)
    return fine_tune(phases, Feeds(train, validation, carved), recipe, **extras)


def _be_deterministic(recipe: Recipe, progress: Progress) -> None:
    """Before anything is computed on an accelerator, where the recipe asks for it."""
    if recipe.training.deterministic:
        progress.say(use_deterministic_operations())


def _require_weights(recipe: Recipe, progress: Progress) -> None:
    """A base that is missing is said, or downloaded, before the pictures are read."""
    settings = recipe.model
    if isinstance(settings, Transfer):
        size = recipe.settled_by_base().input.size
        settings.built_on.obtain(min(size) if size else None, progress)


def _require_tensorboard(recipe: Recipe) -> None:
    from viewfinder.training import require_tensorboard  # imports Keras

    if recipe.chooses_on_folds:
        raise UsageError(
            "A linear head is solved for at once: TensorBoard would have no epochs to show.",
            remedy="train without --tensorboard, or with --head dense",
        )
    require_tensorboard()


def _environment(prepared: Prepared) -> dict[str, Any]:
    table = prepared.dataset.table
    content = "\n".join(table["locator"] + " " + table["content"] + " " + table["split"])
    return {
        "created": datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        "backend": choose_backend(),
        "versions": versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": cores(),
        "precision": dtype_policy(prepared.recipe.training.precision),
        "data": {
            "source": prepared.dataset.source.record(),
            "pictures": len(table),
            "hash": hashlib.blake2b(content.encode(), digest_size=16).hexdigest(),
            "notes": list(prepared.dataset.notes),
        },
    }
