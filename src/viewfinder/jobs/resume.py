"""A run that was stopped goes on as if it had never been."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viewfinder.core.errors import RunError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import SPLITS, Dataset
from viewfinder.data.sources import from_record
from viewfinder.jobs.prepare import Prepared, read_pictures
from viewfinder.jobs.train import compiled, complete
from viewfinder.recipe import Recipe
from viewfinder.recipe.stopping import GOES_ON
from viewfinder.run import Run

if TYPE_CHECKING:
    import keras

# What decides no weight of any step.
_MAY_CHANGE = ("training.stop.max_time", "training.checkpoint_minutes")


def resume(
    run: Run | str | Path,
    recipe: Recipe | None = None,
    *,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
    store_budget: int | None = None,
    tensorboard: bool = False,
    on_prepared: Callable[[Prepared], None] | None = None,
    judged: Sequence[str] = SPLITS,
) -> Run:
    """Go on with a training that was killed, interrupted or out of time, from its checkpoint.

    On one CPU machine the weights and the history are, bit for bit, those of a training that was
    never stopped.

    Args:
        run: The run, or its folder.
        recipe: Its recipe, perhaps with more epochs, another `training.stop.max_time` or
            `training.checkpoint_minutes`; by default as it is.
        dataset: The pictures, where they are not any more where the run found them.
        progress: What is shown meanwhile.
        callbacks: Further Keras callbacks; see :mod:`viewfinder.training.stopping` for what they
            remember.
        store_budget: As in :func:`viewfinder.train`.
        tensorboard: Whether logs for TensorBoard are written.
        on_prepared: Called with the pictures once they are ready.
        judged: The splits that the run is judged on.

    Raises:
        UsageError: The run has ended, is still being trained, or a setting differs that decides its
            weights.
        DataError: The pictures are not those that the run was trained on.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    progress = progress or Progress()
    recipe = recipe or run.recipe
    _require_same_training(run.recipe, recipe)
    with run.being_trained():
        _require_unended(run, recipe)
        prepared = _prepared_again(run, recipe, dataset, store_budget, progress)
        if on_prepared:
            on_prepared(prepared)
        model = compiled(prepared, progress)
        run = run.begin_again(recipe, prepared.dataset.source.record())
        watching: dict[str, Any] = {"tensorboard": tensorboard, "judged": judged}
        complete(run, model, prepared, progress, callbacks, **watching, resume=True)
    return run


def can_go_on(recipe: Recipe) -> bool:
    """Whether a training can be taken up in its middle: a head on features alone cannot."""
    return recipe.on_features is None or recipe.training.fine_tune is not None


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
    same = (table["status"] == "ok") & (table["content"] == contents.reindex(table.index))
    if not same.all():
        raise RunError(
            f"{(~same).sum():,} of the run's pictures have changed or cannot be read any more.",
            expected=f"the pictures that {name} was trained on, in {seen.source}",
            received=f"another {same[~same].index[0]}",
            remedy="train a new run, or name the folder in which they are",
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
            expected=f"{key}={old.get(key)}, as in the run",
            received=str(new.get(key)),
            remedy="train a new run for other settings",
        )


def _require_honest_epochs(before: Recipe, now: Recipe) -> None:
    done, wanted = before.training.epochs, now.training.epochs
    if wanted < done:
        raise UsageError(
            "A resumed run can have more epochs, not fewer.",
            expected=f"at least {done}",
            received=str(wanted),
        )
    training = before.training
    if training.schedule != "constant" or training.stages or training.fine_tune:
        raise UsageError(
            "More epochs would have changed the steps that are done: the schedule of the learning "
            "rate, the stages and where fine-tuning begins depend on their number.",
            expected=f"{done} epochs, as in the run",
            received=str(wanted),
            remedy="train a new run with more epochs",
        )


def _require_unended(run: Run, recipe: Recipe) -> None:
    if not can_go_on(recipe):
        raise UsageError(
            f"The run {run} has ended: a head on stored features is fitted in one go.",
            remedy="train a new run; the features are kept, so that it takes seconds",
        )
    ended = run.timing.get("ended", "interrupted")
    tunes = recipe.training.fine_tune is not None
    has_more = recipe.training.epochs > len(run.history) and not tunes
    if ended in GOES_ON or (ended == "finished" and has_more):
        _require_both_phases(run)
        return
    remedies = {"diverged": "it would diverge again: train a new run with a lower --lr"}
    if not tunes:
        more = "--epochs with a larger number goes on, under a constant learning rate"
        remedies["finished"] = more
    raise UsageError(
        f"The run {run} has ended ({ended}): nothing is left to resume.",
        remedy=remedies.get(ended, "train a new run without this limit"),
    )


def _require_both_phases(run: Run) -> None:
    """Raise if a second phase was begun, and what it takes to go on is not there."""
    from viewfinder.training.phases import Phases

    if "phase" in run.history and not Phases(run.folder).first:
        raise RunError(
            f"The run {run} was stopped while it was fine-tuned, and its first phase is gone.",
            expected=f"{Phases(run.folder).before}",
            remedy="train a new run; what this one has reached is kept in it",
        )


def _prepared_again(
    run: Run, recipe: Recipe, moved: Dataset | None, budget: int | None, progress: Progress
) -> Prepared:
    """The pictures as the run split them, and as it saw them."""
    facts = run.environment["data"]
    source = moved.source if moved else from_record(facts["source"])
    everything = Dataset(source, run.data, run.classes, notes=tuple(facts["notes"]))
    used = everything.where(everything.table["status"] == "ok")
    seen, pictures = read_pictures(used, recipe, budget, progress)
    require_same_pictures(used, seen, run.name)
    rejected = everything.where(everything.table["status"] != "ok")
    return Prepared(recipe, replace(seen, notes=everything.notes), rejected, pictures, budget)


def _flat(tree: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict) and tree:
        for name, value in tree.items():
            yield from _flat(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, tree
