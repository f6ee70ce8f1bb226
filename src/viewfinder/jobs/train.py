"""The main job from top to bottom: a dataset and a recipe become a run."""

import hashlib
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

from viewfinder.audit.series import Series
from viewfinder.bases.from_wheel import FromWheel
from viewfinder.core.errors import UsageError, ViewfinderError
from viewfinder.core.files import require_writable
from viewfinder.core.parallel import cores
from viewfinder.core.stages import limit_in_words
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import as_dataset
from viewfinder.jobs.announce import announce_end, announce_resume
from viewfinder.jobs.fit import fit_run
from viewfinder.jobs.job import Job, Options
from viewfinder.jobs.prepare import Prepared, prepare, without_dropped
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named
from viewfinder.recipe.stopping import GOES_ON
from viewfinder.recipe.transfer import Transfer
from viewfinder.run import Run
from viewfinder.runtime.backend import choose_backend, versions
from viewfinder.runtime.devices import dtype_policy, may_have_accelerator


def train(
    dataset: Dataset | str | PathLike[str],
    recipe: Recipe | str = "scratch",
    **options: Unpack[Options],
) -> Run:
    """Train a classifier on a dataset, evaluate it, and write the report.

    Args:
        dataset: Labelled pictures, or their path; without a validation split, one is made.
        recipe: A recipe, or the name of one.
        options: `output`, `name`, `progress` …: the fields of :class:`viewfinder.jobs.job.Job`.

    Returns:
        The run. `run.timing["ended"]` says why the training ended; after Ctrl-C, a kill or
        the end of its time, :func:`viewfinder.resume` continues it.

    Raises:
        DataError: The pictures cannot be trained on.
        OutputError: The run cannot be written; raised before any picture is read.
    """
    recipe = recipe_named(recipe) if isinstance(recipe, str) else recipe
    return train_run(as_dataset(dataset), recipe, Job(**options))


def train_run(dataset: Dataset, recipe: Recipe, job: Job) -> Run:
    """What :func:`train` does, with its options as one record."""
    name = job.name_for(dataset)
    require_ready(recipe, job)
    prepared = prepare(
        dataset, recipe, given=job.given, store_budget=job.store_budget, progress=job.progress
    )
    job.announce(prepared)
    # The backend is imported here: a kill meanwhile would leave a folder that nothing resumes.
    classes, environment = prepared.dataset.classes, _environment(prepared)
    run = Run.create(Path(job.output), name)
    with run.being_trained(), _removed_if_nothing_came(run):
        run.write_start(prepared.recipe, classes, prepared.everything, environment)
        _write_series(run, prepared.series, prepared)
        complete(run, prepared, job)
    return run


def require_ready(recipe: Recipe, job: Job) -> None:
    """Check everything but the pictures before they are read.

    Raises:
        UsageError: The folder cannot be written, or a backend or TensorBoard is not installed.
        DataError: The weights of the base are missing.
    """
    require_writable(Path(job.output), "output")
    job.progress.detail(f"Backend: {_backend(recipe)}")
    if job.tensorboard:
        _require_tensorboard(recipe)
    if isinstance(recipe.model, Transfer):
        size = recipe.resolved_by_base().input.size
        recipe.model.built_on.obtain(min(size) if size else None, job.progress)


def complete(run: Run, prepared: Prepared, job: Job, *, resume: bool = False) -> None:
    """Fit, evaluate, diagnose and report: everything after pictures and folder are ready."""
    progress = job.progress
    try:
        fitted = fit_run(run, prepared, job, resume=resume)
        fitted_at = time.perf_counter()
        announce_end(fitted, run, progress)
        run.write_data(without_dropped(prepared, progress))
        if fitted.probe:
            run.write("probe.json", fitted.probe.to_json())
        if fitted.out_of_fold is not None:
            run.write_out_of_fold(fitted.out_of_fold)
        _write_series(run, fitted.series, prepared)
        if not fitted.interrupted and (fitted.model or not fitted.probe):
            run.export(fitted.model, progress=progress)
        if job.keras:
            _ = run.model  # written where it is missing
        # An interrupted training is evaluated only where it matters, so that it ends soon.
        splits = [split for split in job.splits if split != "train" or not fitted.interrupted]
        if fitted.predictions is None:
            run.evaluate(splits, store_budget=job.store_budget, progress=progress)
        else:
            run.score(fitted.predictions[fitted.predictions["split"].isin(splits)])
    except KeyboardInterrupt:  # outside of the epochs: what is done is kept all the same
        announce_resume(run, progress)
        raise
    stages = {"preparing": prepared.seconds, **fitted.stages}
    stages = {name: seconds for name, seconds in stages.items() if seconds > 0}
    run.write(
        "timing.json",
        {
            "ended": fitted.ended,
            "why": fitted.why,
            "interrupted": fitted.interrupted,
            "epochs_s": fitted.seconds,
            "training_s": fitted.training_seconds,
            **fitted.parts,
            "stages_s": stages,
            "limit": max(stages, key=lambda name: stages[name], default=None),
            "evaluation_s": time.perf_counter() - fitted_at,
        },
    )
    if limit := limit_in_words(stages):
        progress.say(limit)
    if fitted.ended not in GOES_ON and not prepared.recipe.chooses_on_folds:
        from viewfinder.training.phases import Phases  # imports Keras

        Phases(run.folder).clear()
    if job.concludes:
        run.conclude(progress, fitted.model)


def _write_series(run: Run, series: Series | None, prepared: Prepared) -> None:
    if series:
        torn = {"torn": series.torn(prepared.dataset)}
        torn |= {"torn_as_given": series.torn(prepared.as_given)}
        run.write("series.json", {**series.to_json(), **torn})


@contextmanager
def _removed_if_nothing_came(run: Run) -> Iterator[None]:
    """Remove the folder of a training that failed before it left a model."""
    try:
        yield
    except ViewfinderError:
        if not run.has_model:
            shutil.rmtree(run.folder, ignore_errors=True)
        raise


def _require_tensorboard(recipe: Recipe) -> None:
    from viewfinder.training import require_tensorboard  # imports Keras

    if recipe.chooses_on_folds:
        raise UsageError(
            "A linear head is solved without epochs: TensorBoard would have nothing to show.",
            remedy="train without tensorboard, or with a dense head",
        )
    require_tensorboard()


def _backend(recipe: Recipe) -> str:
    """What the training runs on: a backend of Keras, or ONNX Runtime where no Keras is needed.

    Raises:
        BackendError: Keras is needed, and has no backend.
    """
    base = recipe.model.built_on if isinstance(recipe.model, Transfer) else None
    is_light = recipe.chooses_on_folds and isinstance(base, FromWheel)
    return "onnxruntime" if is_light and not may_have_accelerator() else choose_backend()


def _environment(prepared: Prepared) -> dict[str, Any]:
    table, layout = prepared.dataset.table, prepared.dataset.layout
    content = "\n".join(table["locator"] + " " + table["content"] + " " + table["split"])
    return {
        "created": datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        "backend": _backend(prepared.recipe),
        "versions": versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": cores(),
        "precision": "float32"
        if prepared.recipe.chooses_on_folds
        else dtype_policy(prepared.recipe.training.precision),
        "data": {
            "source": prepared.dataset.source.record(),
            "layout": layout.model_dump() if layout else None,
            "pictures": len(table),
            "hash": hashlib.blake2b(content.encode(), digest_size=16).hexdigest(),
            "notes": list(prepared.dataset.notes),
            "given": None if prepared.given is None else list(prepared.given),
        },
    }
