"""Cross-validation: every picture is evaluated once, by a model that was not trained on it.

Each fold in turn is held out; the pictures that choose the epoch are set aside from the others. The
held-out answers of all folds together say how accurate the recipe is on this data.
"""

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Unpack

import numpy as np

from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import as_dataset
from viewfinder.data.splits.folds import FOLD, folds_of
from viewfinder.data.splits.groups import known_groups
from viewfinder.data.store import open_store
from viewfinder.jobs.job import Job, Options
from viewfinder.jobs.prepare import Prepared, placed, require_every_class, settled
from viewfinder.jobs.resume_run import require_same_pictures, trained_in
from viewfinder.jobs.train import require_ready
from viewfinder.models.features.probe import fold_groups, fold_numbers
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named
from viewfinder.run import CrossValidation
from viewfinder.run.folds import HELD_OUT
from viewfinder.runtime.backend import several_models
from viewfinder.split.leaks import require_no_exact

_USUAL = 5


def cross_validate(
    dataset: Dataset | str | PathLike[str],
    recipe: Recipe | str = "scratch",
    folds: int | None = None,
    **options: Unpack[Options],
) -> CrossValidation:
    """Train a run for each fold, which it holds out, and join all held-out answers.

    Training and validation pictures are dealt into folds at random with the recipe's seed,
    stratified by class; groups (the column `group`) and pictures with equal bytes stay in one fold.
    Folds that the dataset has are used. A test split is left alone: nothing in it is read.

    Args:
        dataset: Labelled pictures, or their path.
        recipe: A recipe, or the name of one. Its limits, such as `training.stop.max_time`, hold
            for each fold.
        folds: The number of folds; by default those of the dataset, or else 5.
        options: `output`, `name`, `progress` …: the fields of :class:`viewfinder.jobs.job.Job`.
            `on_prepared` is called with what :func:`deal` returns.

    Returns:
        The folder with all runs. After Ctrl-C it has those that have ended, and
        :func:`viewfinder.resume` continues.

    Raises:
        UsageError: There are fewer than two folds, the dataset has another number of them, or the
            recipe names a fold or a held-out split of its own.
        DataError: A class has too few pictures (or groups) for so many folds.
    """
    job = Job(**options)
    dataset = as_dataset(dataset)
    recipe = recipe_named(recipe) if isinstance(recipe, str) else recipe
    name = job.name_for(dataset)
    _count(dataset, recipe, folds)  # refuses what is wrong before anything is read
    require_ready(recipe, job)
    dealt = deal(dataset, recipe, folds, store_budget=job.store_budget, progress=job.progress)
    job.announce(dealt)
    whole = CrossValidation.create(
        Path(job.output), name, dealt.recipe, dealt.dataset, dealt.rejected
    )
    _train_missing(whole, dealt.dataset, job)
    return whole


def resume_folds(whole: CrossValidation, dataset: Dataset | None, job: Job) -> CrossValidation:
    """Train the missing folds; a fold that was stopped is resumed.

    Args:
        whole: What :func:`cross_validate` returned.
        dataset: The pictures, where they have moved; else None.
        job: Progress and callbacks; the runs stay in their folder.

    Raises:
        RunError: The pictures have changed since they were dealt.
    """
    before = whole.dataset
    source = dataset.source if dataset else before.source
    today = Dataset(source, before.table, before.classes, (), before.notes)
    if whole.missing:
        seen = _read(today, whole.recipe, job.store_budget, job.progress)
        require_same_pictures(before, seen, whole.folder.name)
        _train_missing(whole, today, job)
    else:
        whole.evaluate()
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
    count = _count(dataset, recipe, folds)
    dataset = _without_test(dataset)
    recipe = settled(recipe, dataset)
    seen = _read(dataset, recipe, store_budget, progress)
    readable, rejected = seen.readable, seen.rejected
    unsplit = readable.with_columns({"split": np.full(len(readable), "train")})
    require_every_class(unsplit, rejected)
    readable = _dealt(readable, count, recipe.seed)
    for fold in folds_of(readable.table):
        _require_trainable(readable, rejected, fold, recipe)
    return Prepared(recipe, readable, rejected, {}, store_budget)


def recipe_of(recipe: Recipe, fold: int) -> Recipe:
    """The recipe of the run that holds out this fold."""
    return recipe.changed({"data.fold": fold, "data.holdout": "validation"})


def _train_missing(whole: CrossValidation, dataset: Dataset, job: Job) -> None:
    missing, progress = whole.missing, job.progress
    count = len(missing) + len(whole.done)
    limit = whole.recipe.training.stop.max_time
    if limit:
        progress.say(f"The time is for each fold: at most {limit * len(missing):,.0f} s in all.")
    job = replace(job, on_prepared=lambda prepared: progress.say(_sizes(prepared)))
    try:
        for number, fold in enumerate(missing, start=count - len(missing) + 1):
            progress.say(f"Fold {fold} ({number} of {count})", style="bold")
            with several_models():
                recipe = recipe_of(whole.recipe, fold)
                run = trained_in(whole.folder_of(fold), recipe, dataset, job)
            if run.timing["interrupted"]:
                break
            whole.evaluate()
            held_out = run.metrics[HELD_OUT]
            progress.say(f"Fold {fold}: accuracy {held_out['accuracy']:.4f} on its pictures.")
    finally:
        if whole.missing:
            _announce_missing(whole, progress)


def _announce_missing(whole: CrossValidation, progress: Progress) -> None:
    done = whole.done
    kept = f"{len(done)} of {len(done) + len(whole.missing)} folds are trained and kept in {whole}."
    progress.say(kept if done else "No fold is trained yet.", style="yellow")
    progress.say(f"Resume with: viewfinder train --resume {whole}")


def _sizes(prepared: Prepared) -> str:
    sizes = prepared.dataset.split_sizes()
    chooses = sizes.get("validation")
    words = f"{chooses:,} choose the epoch" if chooses else "folds of these choose"
    return f"{sizes['train']:,} pictures train, {words}, {sizes['test']:,} are held out."


def _count(dataset: Dataset, recipe: Recipe, folds: int | None) -> int:
    """The number of folds.

    Raises:
        UsageError: The number is impossible, or the recipe names a split of its own.
    """
    for key in ("fold", "holdout", "test"):
        given = getattr(recipe.data, key)
        if given != type(recipe.data).model_fields[key].default:
            raise UsageError(
                f"With `folds`, each fold is held out in turn; `data.{key}` names one split.",
                expected=f"`folds` without `data.{key}`",
                received=f"data.{key}={given}",
                remedy=f"leave out `data.{key}`; or leave out `folds`, for a single run",
            )
    there = folds_of(dataset.table)
    if folds is not None and folds < 2:
        raise UsageError(
            "There must be at least two folds: one is held out while the others train.",
            expected="2 or more",
            received=str(folds),
            remedy="`folds=5` is usual",
        )
    if there and folds not in (None, len(there)):
        raise UsageError(
            f"The dataset {dataset.source} already has {len(there)} folds.",
            expected=f"`folds={len(there)}`",
            received=str(folds),
            remedy="`viewfinder split` makes new folds of the original data",
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
    groups = known_groups(readable.table)
    if groups is not None and not len(groups.sizes):
        groups = None
    return readable.into_folds(count, seed=seed, groups=groups)


def _require_trainable(readable: Dataset, rejected: Dataset, fold: int, recipe: Recipe) -> None:
    """Raise what training this fold would raise, before any fold is trained."""
    try:
        split = placed(readable, recipe_of(recipe, fold))
        require_every_class(split, rejected)
        if recipe.chooses_on_folds:
            train_part = split.only("train")
            groups = fold_groups(train_part).names
            fold_numbers(train_part.labels, groups, split.classes, seed=recipe.seed)
    except DataError as error:
        raise DataError(
            f"Without fold {fold}, the others are not enough. {error.fact}",
            expected=error.expected,
            received=error.received,
            remedy="add pictures of the class, or leave it out",
        ) from error
    if not recipe.data.allow_leaks:
        require_no_exact(split)
