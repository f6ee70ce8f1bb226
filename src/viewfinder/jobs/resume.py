"""Whatever was stopped in a folder continues: a run, folds, or a search."""

from pathlib import Path
from typing import Unpack

from viewfinder.core.errors import UsageError
from viewfinder.data.dataset import Dataset
from viewfinder.jobs.folds import resume_folds
from viewfinder.jobs.job import Job, Options
from viewfinder.jobs.resume_run import resume_run
from viewfinder.jobs.search import is_search, resume_search
from viewfinder.recipe import Recipe
from viewfinder.run import CrossValidation, Run


def resume(
    where: Run | CrossValidation | str | Path,
    recipe: Recipe | None = None,
    *,
    dataset: Dataset | None = None,
    max_time: float | None = None,
    **options: Unpack[Options],
) -> Run | CrossValidation:
    """Continue what was killed, interrupted or out of time: a run, folds, or a search.

    On one CPU machine the weights and the history of a run are, bit for bit, those of a training
    that never stopped.

    Args:
        where: A run, folds, or their folder.
        recipe: A run's recipe, perhaps with more epochs or another
            `training.checkpoint_minutes`; by default unchanged. Only for a run.
        dataset: The pictures, where they have moved; not for a search.
        max_time: Seconds after which the training stops; by default the run's own limit, and none
            for a search. Not for folds, each of which keeps the limit of its recipe.
        options: `progress`, `callbacks` …: the fields of :class:`viewfinder.jobs.job.Job`;
            `output` and `name` have no effect.

    Returns:
        The run, the run that the search chose, or the folds.

    Raises:
        UsageError: It has ended, is still being trained, or an argument does not apply to it.
        RunError: The folder holds nothing to resume, or the pictures have changed.
    """
    folder = Path(where) if isinstance(where, str | Path) else where.folder
    job = Job(**options)
    if CrossValidation.is_in(folder):
        _require_absent("folds", recipe=recipe, max_time=max_time)
        return resume_folds(CrossValidation.open(folder), dataset, job)
    if is_search(folder):
        _require_absent("a search", recipe=recipe, dataset=dataset)
        return resume_search(folder, job, max_time=max_time)
    run = where if isinstance(where, Run) else Run.open(folder)
    recipe = recipe or run.recipe
    if max_time is not None:
        recipe = recipe.changed({"training.stop.max_time": max_time})
    return resume_run(run, recipe, dataset, job)


def _require_absent(what: str, **arguments: object) -> None:
    """Raise unless the arguments, which have no effect on what is resumed, are None."""
    for name, value in arguments.items():
        if value is not None:
            raise UsageError(
                f"To resume {what}, {name} has no effect.",
                expected=f"no {name}",
                received=f"{name}={value}",
            )
