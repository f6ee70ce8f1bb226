"""`viewfinder train`: a folder of pictures becomes a run."""

from functools import partial
from pathlib import Path
from typing import Any

from viewfinder.cli.options import (
    Alpha,
    AsJson,
    Augment,
    Base,
    Config,
    Cut,
    GroupFrom,
    HeadKind,
    ImageSize,
    Isolate,
    LabelColumn,
    LabelFrom,
    Quiet,
    RecipeName,
    Root,
    Seed,
    Settings,
    Verbose,
    Views,
    Weights,
    base_settings,
    byte_count,
    side_lengths,
    verbosity,
)
from viewfinder.cli.train.asked import Asked
from viewfinder.cli.train.folds import begin_folds, first_fold, go_on_with_folds, stopped_in
from viewfinder.cli.train.options import (
    L2,
    AllowLeaks,
    BatchNorm,
    BatchSize,
    Deterministic,
    Dropout,
    DryRun,
    Epochs,
    Fold,
    Folds,
    Hold,
    Holdout,
    LearningRate,
    MaxTime,
    Name,
    OptionalData,
    Output,
    Patience,
    Resume,
    StoreLimit,
    Target,
    TensorBoard,
    TestShare,
)
from viewfinder.cli.train.outcome import show_outcome
from viewfinder.cli.train.search import (
    begin_search,
    go_on_with_search,
    is_stopped_search,
    planned_search,
)
from viewfinder.core.errors import UsageError


def train(
    data: OptionalData = None,
    recipe: RecipeName = None,
    image_size: ImageSize = None,
    isolate: Isolate = None,
    augment: Augment = None,
    dropout: Dropout = None,
    l2: L2 = None,
    batch_norm: BatchNorm = None,
    base: Base = None,
    alpha: Alpha = None,
    weights: Weights = None,
    cut: Cut = None,
    head: HeadKind = None,
    views: Views = None,
    seed: Seed = None,
    holdout: Holdout = None,
    test: TestShare = None,
    fold: Fold = None,
    folds: Folds = None,
    allow_leaks: AllowLeaks = False,
    label_from: LabelFrom = None,
    label_column: LabelColumn = None,
    group_from: GroupFrom = None,
    root: Root = None,
    config: Config = None,
    settings: Settings = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    lr: LearningRate = None,
    deterministic: Deterministic = None,
    target: Target = None,
    hold: Hold = None,
    patience: Patience = None,
    max_time: MaxTime = None,
    resume: Resume = None,
    output: Output = Path("runs"),
    name: Name = None,
    store_limit: StoreLimit = None,
    tensorboard: TensorBoard = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train a classifier on a folder of pictures and write a report."""
    from viewfinder.core.progress import Progress

    flags = {
        "training.epochs": epochs,
        "training.batch_size": batch_size,
        "training.learning_rate": lr,
        "training.augment": augment,
        "training.deterministic": deterministic,
        "training.stop.target": target,
        "training.stop.hold": hold,
        "training.stop.patience": patience,
        "training.stop.max_time": max_time,
        "model.dropout": dropout,
        "model.l2": l2,
        "model.batch_norm": batch_norm,
        "input.size": side_lengths(image_size),
        "input.isolate": isolate,
        "data.holdout": holdout,
        "data.test": test,
        "data.fold": fold,
        "data.allow_leaks": allow_leaks or None,
        "seed": seed,
        **base_settings(base, alpha, weights, cut, head=head, views=views),
    }
    hints = {
        "label_from": label_from,
        "label_column": label_column,
        "group_from": group_from,
        "root": root,
    }
    asked = Asked(
        recipe=recipe,
        flags={key: value for key, value in flags.items() if value is not None},
        config=config,
        settings=tuple(settings or ()),
        data=data,
        hints=hints,
        folds=folds,
        tensorboard=tensorboard,
        store_budget=byte_count(store_limit),
        progress=Progress(verbosity(quiet, verbose)),
        as_json=as_json,
    )
    if resume:
        if folds is not None or dry_run or name:
            raise UsageError(
                "--resume goes on with what is there: no --folds; and neither --dry-run nor --name."
            )
        _go_on(asked, resume)
    elif data is None:
        raise UsageError(
            "There is nothing to train on.",
            expected="viewfinder train DATA, or --resume RUN",
            remedy="viewfinder train --help shows every way",
        )
    elif dry_run:
        _plan(asked)
    else:
        _begin(asked, {"output": output, "name": name})


def _begin(asked: Asked, place: dict[str, Any]) -> None:
    """A search, folds, or one run; written to `place`."""
    from viewfinder.cli.tables import show_data
    from viewfinder.jobs.train import train as run_pipeline

    if asked.is_search:
        run = begin_search(asked.pictures(), asked.flags, **place, **asked.reading)
        show_outcome(run, asked.as_json)
        return
    recipe = asked.whole_recipe()
    dataset = asked.pictures()
    if asked.folds is not None:
        begin_folds(dataset, recipe, asked.folds, as_json=asked.as_json, **place, **asked.training)
        return
    show = partial(show_data, progress=asked.progress)
    run = run_pipeline(dataset, recipe, on_prepared=show, **place, **asked.training)
    show_outcome(run, asked.as_json)


def _go_on(asked: Asked, stopped_at: Path) -> None:
    """Go on with a search, folds, or one run, where it was stopped."""
    from viewfinder.cli.tables import show_data
    from viewfinder.jobs.resume import resume as resume_run
    from viewfinder.run import Run

    if is_stopped_search(stopped_at):
        others = [*asked.of_recipes_only, *([str(asked.data)] if asked.data else [])]
        run = go_on_with_search(stopped_at, asked.flags, others, **asked.reading)
        show_outcome(run, asked.as_json)
        return
    stopped = stopped_in(stopped_at)
    recipe = asked.whole_recipe(stopped.recipe)
    dataset = asked.pictures() if asked.data else None
    if not isinstance(stopped, Run):
        go_on_with_folds(stopped, recipe, dataset=dataset, as_json=asked.as_json, **asked.training)
        return
    show = partial(show_data, progress=asked.progress)
    run = resume_run(stopped, recipe, dataset=dataset, on_prepared=show, **asked.training)
    show_outcome(run, asked.as_json)


def _plan(asked: Asked) -> None:
    """What would be trained, or tried: data, recipe and model."""
    from viewfinder.cli.train.dry_run import show_plan, show_ways
    from viewfinder.jobs.prepare import prepare

    progress = asked.progress
    if asked.is_search:
        prepared, ways = planned_search(asked.pictures(), asked.flags, **asked.reading)
        show_ways(prepared, ways, progress, as_json=asked.as_json)
        return
    recipe, dataset = asked.whole_recipe(), asked.pictures()
    if asked.folds is not None:
        dataset, recipe = first_fold(dataset, recipe, asked.folds, asked.store_budget, progress)
    show_plan(prepare(dataset, recipe, **asked.reading), progress, as_json=asked.as_json)
