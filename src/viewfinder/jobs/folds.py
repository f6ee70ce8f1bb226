"""Every picture judged once, by a model that has not seen it: a dataset and a recipe become folds.

Each fold in turn is held out and steers nothing; the pictures that choose the epoch are carved from
the others. What the folds' answers come to together is what this recipe does on these pictures.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from viewfinder.core.errors import DataError, RunError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.splits.folds import FOLD, folds_of, into_folds
from viewfinder.data.splits.groups import known_groups
from viewfinder.features.probe import fold_numbers, what_belongs_together
from viewfinder.jobs.prepare import Prepared, placed, require_every_class, settled
from viewfinder.jobs.resume import can_go_on, require_same_pictures, resume
from viewfinder.jobs.train import name_of, require_ready, train
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named
from viewfinder.run import Run, plain_name
from viewfinder.run.folds import HELD_OUT, CrossValidation
from viewfinder.runtime.retracing import several_models
from viewfinder.split.leaks import require_no_exact
from viewfinder.store import open_store

_USUAL = 5


def cross_validate(
    dataset: Dataset,
    recipe: Recipe | str = "scratch",
    folds: int | None = None,
    *,
    output: str | Path = "runs",
    name: str | None = None,
    progress: Progress | None = None,
    store_budget: int | None = None,
    tensorboard: bool = False,
    on_dealt: Callable[[Prepared], None] | None = None,
) -> CrossValidation:
    """Train a run for each fold, which it holds out, and put their held-out answers together.

    Training and validation pictures are dealt, stratified, by the recipe's seed; groups (the column
    `group`) and pictures with the same bytes stay in one fold. Where the dataset has been dealt
    already, its folds are used. A test split is left alone: nothing in it is read.

    Args:
        dataset: Labelled pictures.
        recipe: A recipe, or the name of one. Its limits, such as `training.stop.max_time`, are for
            each fold.
        folds: How many; by default those of the dataset, or else 5.
        output: The folder that holds the runs.
        name: The name of the folder for all folds; by default the data folder's.
        progress: What is shown meanwhile.
        store_budget: As in :func:`viewfinder.train`.
        tensorboard: Whether logs for TensorBoard are written into the runs.
        on_dealt: Called with what :func:`deal` returns, before training starts.

    Returns:
        The folder with all runs. After Ctrl-C it has those that are done, and
        :func:`viewfinder.resume_folds` goes on.

    Raises:
        UsageError: There are fewer than two folds, the dataset has another number of them, or the
            recipe names a fold or a held-out split of its own.
        DataError: A class has too few pictures (or groups) for so many folds.
    """
    recipe = recipe_named(recipe) if isinstance(recipe, str) else recipe
    progress = progress or Progress()
    name = plain_name(name or name_of(dataset))
    _count(dataset, recipe, folds)  # said before anything is looked for
    require_ready(recipe, Path(output), progress, tensorboard=tensorboard)
    dealt = deal(dataset, recipe, folds, store_budget=store_budget, progress=progress)
    if on_dealt:
        on_dealt(dealt)
    whole = CrossValidation.create(Path(output), name, dealt.recipe, dealt.dataset, dealt.rejected)
    _train_missing(whole, dealt.dataset, progress, store_budget, tensorboard)
    return whole


def resume_folds(
    whole: CrossValidation | str | Path,
    *,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
    store_budget: int | None = None,
    tensorboard: bool = False,
) -> CrossValidation:
    """Train the folds that are missing; the one that was stopped goes on where it can.

    Args:
        whole: What :func:`cross_validate` has returned, or its folder.
        dataset: The pictures, where they are not any more where they were found.
        progress: What is shown meanwhile.
        store_budget: As in :func:`viewfinder.train`.
        tensorboard: Whether logs for TensorBoard are written.

    Raises:
        RunError: The pictures have changed since the folds were dealt.
    """
    whole = whole if isinstance(whole, CrossValidation) else CrossValidation.open(whole)
    progress = progress or Progress()
    before = whole.dataset
    today = Dataset(
        dataset.source if dataset else before.source, before.table, before.classes, (), before.notes
    )
    if whole.missing:
        seen = _read(today, whole.recipe, store_budget, progress)
        require_same_pictures(before, seen, whole.folder.name)
        _train_missing(whole, today, progress, store_budget, tensorboard)
    else:
        whole.put_together()
    return whole


def deal(
    dataset: Dataset,
    recipe: Recipe,
    folds: int | None,
    *,
    store_budget: int | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Read the pictures, deal them into folds, and hold that every fold can be trained.

    Returns:
        The readable pictures with their folds, and the recipe with what they decide; no pixels.

    Raises:
        UsageError, DataError: As :func:`cross_validate`.
    """
    progress = progress or Progress(0)
    recipe.require_no_idle_settings()
    count = _count(dataset, recipe, folds)
    dataset = _without_test(dataset)
    recipe = settled(recipe, dataset)
    seen = _read(dataset, recipe, store_budget, progress)
    good = (seen.table["status"] == "ok").to_numpy()
    readable, rejected = seen.where(good), seen.where(~good)
    unsplit = readable.with_columns({"split": np.full(len(readable), "train")})
    require_every_class(unsplit, rejected)
    readable = _dealt(readable, count, recipe.seed)
    for fold in folds_of(readable):
        _require_trainable(readable, rejected, fold, recipe)
    return Prepared(recipe, readable, rejected, {}, store_budget)


def recipe_of(recipe: Recipe, fold: int) -> Recipe:
    """The recipe of the run that holds out this fold."""
    return recipe.changed({"data.fold": fold, "data.holdout": "validation"})


def _train_missing(
    whole: CrossValidation,
    dataset: Dataset,
    progress: Progress,
    store_budget: int | None,
    tensorboard: bool,
) -> None:
    missing = whole.missing
    count = len(missing) + len(whole.done)
    limit = whole.recipe.training.stop.max_time
    if limit:
        progress.say(f"The time is for each fold: at most {limit * len(missing):,.0f} s in all.")
    options: dict[str, Any] = {
        "progress": progress,
        "store_budget": store_budget,
        "tensorboard": tensorboard,
        "on_prepared": lambda prepared: progress.say(_sides(prepared)),
    }
    try:
        for number, fold in enumerate(missing, start=count - len(missing) + 1):
            progress.say(f"Fold {fold} ({number} of {count})", style="bold")
            stopped = _that_can_go_on(whole, fold)
            with several_models():
                if stopped:
                    run = resume(stopped, dataset=dataset, **options)
                else:
                    place = whole.place_of(fold)
                    shutil.rmtree(place, ignore_errors=True)  # a half run, of no use
                    recipe = recipe_of(whole.recipe, fold)
                    run = train(dataset, recipe, output=place.parent, name=place.name, **options)
            if run.timing["interrupted"]:
                break
            whole.put_together()
            held_out = run.metrics[HELD_OUT]
            progress.say(f"Fold {fold}: accuracy {held_out['accuracy']:.4f} on what it held out.")
    finally:
        if whole.missing:
            _say_what_is_kept(whole, progress)


def _that_can_go_on(whole: CrossValidation, fold: int) -> Run | None:
    """The run of a fold that was stopped, if it can go on."""
    try:
        run = Run.open(whole.place_of(fold))
        return run if can_go_on(run.recipe) else None
    except RunError:
        return None


def _say_what_is_kept(whole: CrossValidation, progress: Progress) -> None:
    done = whole.done
    kept = f"{len(done)} of {len(done) + len(whole.missing)} folds are done and kept in {whole}."
    progress.say(kept if done else "No fold is done yet.", style="yellow")
    progress.say(f"Go on with all of it: viewfinder train --resume {whole}")


def _sides(prepared: Prepared) -> str:
    sizes = prepared.dataset.split_sizes()
    chooses = sizes.get("validation")
    words = f"{chooses:,} choose the epoch" if chooses else "folds of these choose"
    return f"{sizes['train']:,} pictures train, {words}, {sizes['test']:,} judge at the end."


def _count(dataset: Dataset, recipe: Recipe, folds: int | None) -> int:
    """How many folds there are to be, where that can be."""
    for key, flag in (("fold", "--fold"), ("holdout", "--holdout"), ("test", "--test")):
        given = getattr(recipe.data, key)
        if given != type(recipe.data).model_fields[key].default:
            raise UsageError(
                f"With --folds, every fold is held out in its turn; {flag} names one split.",
                expected=f"--folds without {flag}",
                received=f"data.{key}={given}",
                remedy=f"leave out {flag}; or leave out --folds, for a single run",
            )
    there = folds_of(dataset)
    if folds is not None and folds < 2:
        raise UsageError(
            "There must be at least two folds: one judges while the others train.",
            expected="2 or more",
            received=str(folds),
            remedy="--folds 5 is usual",
        )
    if there and folds not in (None, len(there)):
        raise UsageError(
            f"The dataset {dataset.source} has been dealt into {len(there)} folds already.",
            expected=f"--folds {len(there)}",
            received=str(folds),
            remedy="`viewfinder split` deals the original data anew",
        )
    return there[-1] + 1 if there else folds or _USUAL


def _without_test(dataset: Dataset) -> Dataset:
    is_test = (dataset.table["split"] == "test").to_numpy()
    if not is_test.any():
        return dataset
    note = f"The test split ({is_test.sum():,} pictures) is in no fold: nothing looks at it."
    return dataset.where(~is_test).noting(note)


def _read(
    dataset: Dataset, recipe: Recipe, store_budget: int | None, progress: Progress
) -> Dataset:
    """What reading the pictures shows, in each form in which the folds will need them."""
    forms = dict.fromkeys((recipe.training_preprocessing, recipe.preprocessing))
    for form in forms:
        store = open_store(dataset, form, budget=store_budget, progress=progress)
    return store.describe(dataset)


def _dealt(readable: Dataset, count: int, seed: int) -> Dataset:
    """The pictures in folds; those that are in one already stay there."""
    if FOLD in readable.table and (readable.table[FOLD] != "").all():
        return readable
    groups = known_groups(readable)
    if groups is not None and not len(groups.sizes):
        groups = None
    return into_folds(readable, count, seed=seed, groups=groups)


def _require_trainable(readable: Dataset, rejected: Dataset, fold: int, recipe: Recipe) -> None:
    """Raise what training this fold would raise, before any fold is trained."""
    try:
        split = placed(readable, recipe_of(recipe, fold))
        require_every_class(split, rejected)
        if recipe.chooses_on_folds:
            train_part = split.only("train")
            belongs = what_belongs_together(train_part)
            fold_numbers(train_part.labels, belongs, split.classes, seed=recipe.seed)
    except DataError as error:
        raise DataError(
            f"Without fold {fold}, the others are not enough. {error.fact}",
            expected=error.expected,
            received=error.received,
            remedy="add pictures of the class, or leave it out",
        ) from error
    if not recipe.data.allow_leaks:
        require_no_exact(split)
