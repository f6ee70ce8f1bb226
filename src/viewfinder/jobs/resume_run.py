"""A run that was stopped continues as if it had never stopped."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from viewfinder.audit.series import find_series
from viewfinder.core.errors import Reason, RunError, UsageError
from viewfinder.data.dataset import Dataset
from viewfinder.jobs.job import Job
from viewfinder.jobs.prepare import Prepared, read_pictures
from viewfinder.jobs.train import complete, train_run
from viewfinder.recipe import Recipe
from viewfinder.recipe.stopping import GOES_ON
from viewfinder.run import Run

# Settings that change no weight of any step.
_MAY_CHANGE = ("training.stop.max_time", "training.checkpoint_minutes")


def resume_run(run: Run, recipe: Recipe, dataset: Dataset | None, job: Job) -> Run:
    """Continue a training that was killed, interrupted or out of time, from its checkpoint.

    Of a training that was stopped after its last epoch, the diagnosis and the report are written.

    Args:
        run: The run.
        recipe: Its recipe, perhaps with more epochs, another `training.stop.max_time` or
            `training.checkpoint_minutes`.
        dataset: The pictures, where they have moved since the run found them; else None.
        job: Progress, callbacks and the splits to evaluate; the run stays in its folder.

    Raises:
        UsageError: The run has ended, is still being trained, or a setting differs that decides
            its weights.
        RunError: The pictures are not those that the run was trained on.
    """
    _require_same_training(run.recipe, recipe)
    with run.being_trained():
        if _has_ended(run, recipe) and not run.has_report:
            run.conclude(job.progress)
            return run
        _require_unended(run, recipe)
        prepared = _prepared_again(run, recipe, dataset, job)
        job.announce(prepared)
        run = run.begin_again(recipe, prepared.dataset.source.record())
        complete(run, prepared, job, resume=True)
    return run


def trained_in(folder: Path, recipe: Recipe, dataset: Dataset, job: Job) -> Run:
    """Return the run in a folder of several: resumed where it was stopped, trained if it is new."""
    try:
        run = Run.open(folder)
    except RunError:
        shutil.rmtree(folder, ignore_errors=True)  # half a run that cannot be resumed
        return train_run(dataset, recipe, replace(job, output=folder.parent, name=folder.name))
    return resume_run(run, run.recipe, dataset, job) if run.timing["interrupted"] else run


def require_same_pictures(before: Dataset, seen: Dataset, name: str) -> None:
    """Raise unless all pictures are as they were when the training began.

    Args:
        before: The readable pictures, as the training found them.
        seen: The same, as they have been read today.
        name: The run's name.

    Raises:
        RunError: Some have changed.
    """
    table, contents = seen.table.set_index("locator"), before.table.set_index("locator")["content"]
    is_missing = table["status"] == Reason.MISSING
    same = (table["status"] == "ok") & (table["content"] == contents.reindex(table.index))
    if same.all():
        return
    wrong = is_missing if is_missing.any() else ~same
    what = "are missing" if is_missing.any() else "have changed or cannot be read any more"
    raise RunError(
        f"{wrong.sum():,} of the run's pictures {what}.",
        expected=f"the pictures that {name} was trained on, in {seen.source}",
        received=f"{wrong.index[wrong][0]}: {'missing' if is_missing.any() else 'changed'}",
        remedy="if they have been moved, name their folder as the data"
        if is_missing.any()
        else "train a new run, or restore the pictures",
    )


def _require_same_training(before: Recipe, now: Recipe) -> None:
    """Raise unless the steps that are done would have been the same under this recipe."""
    old, new = dict(_flat(before.model_dump())), dict(_flat(now.model_dump()))
    changed = [
        key
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key) and key not in _MAY_CHANGE
    ]
    if changed == ["training.epochs"]:
        _require_honest_epochs(before, now)
        return
    if changed:
        key = changed[0]
        raise UsageError(
            f"A resumed run keeps its settings, and {key} differs.",
            expected=f"{key}={_as_set(old.get(key))}, as in the run",
            received=_as_set(new.get(key)),
            remedy="train a new run for other settings",
        )


def _as_set(value: Any) -> str:
    """A setting's value as it is written in YAML."""
    return value if isinstance(value, str) else json.dumps(value)


def _require_honest_epochs(before: Recipe, now: Recipe) -> None:
    done, wanted = before.steps.epochs, now.steps.epochs
    if wanted < done:
        raise UsageError(
            "A resumed run can have more epochs, not fewer.",
            expected=f"at least {done}",
            received=str(wanted),
        )
    training = before.steps
    if training.schedule.kind != "constant" or training.stages or training.fine_tune:
        raise UsageError(
            "More epochs would have changed the steps that are done: the schedule of the learning "
            "rate, the stages and where fine-tuning begins depend on their number.",
            expected=f"{done} epochs, as in the run",
            received=str(wanted),
            remedy="train a new run with more epochs",
        )


def _has_ended(run: Run, recipe: Recipe) -> bool:
    """Whether no step is left, also under a recipe with more epochs."""
    ended = run.timing.get("ended", "interrupted")
    has_more = _by_steps(recipe) and recipe.steps.epochs > len(run.history)
    return ended not in GOES_ON and not (ended == "finished" and has_more)


def _by_steps(recipe: Recipe) -> bool:
    return recipe.training.fine_tune is None and recipe.on_features is None


def _require_unended(run: Run, recipe: Recipe) -> None:
    if not _has_ended(run, recipe):
        _require_both_phases(run)
        return
    ended, by_steps = run.timing["ended"], _by_steps(recipe)
    more = "more training.epochs continue it, under a constant learning rate"
    remedies = {
        "diverged": "it would diverge again: train a new run with a lower learning rate",
        "finished": more if by_steps else "train a new run",
    }
    raise UsageError(
        f"The run {run} has ended ({ended}): nothing is left to resume.",
        remedy=remedies.get(ended, "train a new run without this limit"),
    )


def _require_both_phases(run: Run) -> None:
    """Raise if the second phase was begun and the files of the first are missing."""
    from viewfinder.training.phases import Phases

    if "phase" in run.history and not Phases(run.folder).first:
        raise RunError(
            f"The run {run} was stopped while it was fine-tuned, and its first phase is gone.",
            expected=f"{Phases(run.folder).before}",
            remedy="train a new run; what this one has reached is kept in it",
        )


def _prepared_again(run: Run, recipe: Recipe, moved: Dataset | None, job: Job) -> Prepared:
    """The pictures, in the run's splits and with its contents."""
    facts = run.environment["data"]
    source = moved.source if moved else run.source
    everything = Dataset(source, run.data, run.classes, notes=tuple(facts["notes"]))
    used = everything.readable
    seen, pictures = read_pictures(used, recipe, job.store_budget, job.progress)
    require_same_pictures(used, seen, run.name)
    rejected = everything.rejected
    return Prepared(
        recipe,
        replace(seen, notes=everything.notes),
        rejected,
        pictures,
        job.store_budget,
        series=find_series(seen, progress=job.progress) if run.series else None,
    )


def _flat(tree: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict) and tree:
        for name, value in tree.items():
            yield from _flat(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, tree
