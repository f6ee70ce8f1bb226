"""`viewfinder train`: a folder of pictures becomes a run."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from viewfinder.cli.cross_validation import (
    begin_folds,
    first_fold,
    go_on_with_folds,
    stopped_in,
)
from viewfinder.cli.options import (
    Alpha,
    AsJson,
    Augment,
    Base,
    Cut,
    GroupFrom,
    HeadKind,
    ImageSize,
    LabelColumn,
    LabelFrom,
    Quiet,
    RecipeName,
    Root,
    Seed,
    Verbose,
    Views,
    Weights,
    base_settings,
    byte_count,
    chosen_recipe,
    open_data,
    side_lengths,
    verbosity,
)
from viewfinder.cli.search import (
    begin_search,
    go_on_with_search,
    is_search,
    is_stopped_search,
)
from viewfinder.cli.training_options import (
    L2,
    AllowLeaks,
    BatchSize,
    Config,
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
    Settings,
    StoreLimit,
    Target,
    TensorBoard,
)
from viewfinder.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from viewfinder.prepared import Prepared
    from viewfinder.progress import Progress
    from viewfinder.run import Run


def train(
    data: OptionalData = None,
    recipe: RecipeName = None,
    image_size: ImageSize = None,
    augment: Augment = None,
    dropout: Dropout = None,
    l2: L2 = None,
    base: Base = None,
    alpha: Alpha = None,
    weights: Weights = None,
    cut: Cut = None,
    head: HeadKind = None,
    views: Views = None,
    seed: Seed = None,
    holdout: Holdout = None,
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
    from viewfinder.cli.tables import show_data
    from viewfinder.pipeline import train as run_pipeline
    from viewfinder.prepared import prepare
    from viewfinder.progress import Progress
    from viewfinder.resuming import resume as resume_run
    from viewfinder.run import Run

    if resume and (folds is not None or dry_run or name):
        raise UsageError(
            "--resume goes on with what is there: no --folds; and neither --dry-run nor --name."
        )
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
        "input.size": side_lengths(image_size),
        "data.holdout": holdout,
        "data.fold": fold,
        "data.allow_leaks": allow_leaks or None,
        "seed": seed,
        **base_settings(base, alpha, weights, cut, head=head, views=views),
    }
    given = {key: value for key, value in flags.items() if value is not None}
    progress = Progress(verbosity(quiet, verbose))
    hints: dict[str, Any] = {
        "label_from": label_from,
        "root": root,
        "label_column": label_column,
        "group_from": group_from,
    }
    kept: dict[str, Any] = {"progress": progress, "store_budget": byte_count(store_limit)}
    told = [
        *([f"--config {config}"] if config else []),
        *(f"--set {one}" for one in settings or ()),
        *(["--tensorboard"] if tensorboard else []),
        *([f"--folds {folds}"] if folds is not None else []),
    ]
    if resume and is_stopped_search(resume):
        told += [str(data)] if data else []
        _end(go_on_with_search(resume, given, told, **kept), as_json)
        return
    is_open = is_search(recipe, given, told)
    if is_open and data and not (resume or dry_run):
        pictures = open_data(data, **hints, progress=progress)
        _end(begin_search(pictures, given, output=output, name=name, **kept), as_json)
        return
    recipe = None if is_open else recipe
    stopped = stopped_in(resume) if resume else None
    begun = stopped.recipe if stopped else None
    wanted = chosen_recipe(recipe, flags, config=config, settings=settings or (), begun=begun)
    dataset = open_data(data, **hints, progress=progress) if data else None
    watching: dict[str, Any] = {
        **kept,
        "tensorboard": tensorboard,
    }
    on_prepared = partial(show_data, progress=progress)
    if isinstance(stopped, Run):
        run = resume_run(stopped, wanted, dataset=dataset, on_prepared=on_prepared, **watching)
    elif stopped:
        go_on_with_folds(stopped, wanted, dataset=dataset, as_json=as_json, **watching)
        return
    elif dataset is None:
        raise UsageError(
            "There is nothing to train on.",
            expected="viewfinder train DATA, or --resume RUN",
            remedy="viewfinder train --help shows every way",
        )
    elif dry_run:
        if folds is not None:
            dataset, wanted = first_fold(dataset, wanted, folds, kept["store_budget"], progress)
        prepared = prepare(dataset, wanted, **kept)
        _show_plan(prepared, progress, as_json)
        return
    elif folds is not None:
        watching |= {"output": output, "name": name}
        begin_folds(dataset, wanted, folds, as_json=as_json, **watching)
        return
    else:
        watching |= {"output": output, "name": name, "on_prepared": on_prepared}
        run = run_pipeline(dataset, wanted, **watching)
    _end(run, as_json)


def _show_plan(prepared: "Prepared", progress: "Progress", as_json: bool) -> None:
    """What would be trained: data, recipe and model."""
    from viewfinder.cli.tables import show_data, stdout
    from viewfinder.models import build_model, model_summary

    show_data(prepared, progress)
    model = build_model(prepared.recipe, len(prepared.dataset.classes), progress=progress)
    if as_json:
        print(json.dumps(_plan_json(prepared, model.count_params()), indent=2))
    else:
        out = stdout()
        out.print(prepared.recipe.to_yaml(), markup=False, soft_wrap=True)
        out.print(model_summary(model), markup=False, soft_wrap=True)
    progress.say("Dry run: nothing was trained.")


def _plan_json(prepared: "Prepared", parameters: int) -> dict[str, Any]:
    """What `--dry-run --json` prints; see docs/formats.md."""
    from viewfinder.run import skipped_table

    counts = prepared.dataset.counts()
    return {
        "schema": 1,
        "recipe": prepared.recipe.model_dump(mode="json"),
        "pictures": {split: counts[split].to_dict() for split in counts},
        "skipped": skipped_table(prepared.everything).to_dict("records"),
        "parameters": parameters,
    }


def _end(run: "Run", as_json: bool) -> None:
    """Show what came out; the exit code of an interruption if there was one."""
    if as_json:
        print(json.dumps(run_json(run), indent=2))
    else:
        _show_result(run)
    if run.timing["interrupted"] or is_stopped_search(run.folder.parent):
        raise typer.Exit(Interrupted.exit_code)


def _show_result(run: "Run") -> None:
    from viewfinder.cli.diagnosis import show_shortly
    from viewfinder.cli.tables import metrics_table, stdout, trials_table

    out = stdout()
    if run.trials:
        out.print(trials_table(run.trials))
        out.print(run.trials["why"], markup=False, soft_wrap=True)
    out.print(metrics_table(run.metrics))
    best = run.metrics["best_epoch"]
    if best is not None:
        out.print(f"Kept: epoch {best} of {len(run.history)}, by validation.")
    show_shortly(run.doctor(), out, str(run.folder))
    out.print(f"Run:    {run.folder}", markup=False, soft_wrap=True)
    out.print(f"Report: {run.folder / 'report.html'}", markup=False, soft_wrap=True)


def run_json(run: "Run") -> dict[str, Any]:
    """What `--json` prints of a run; see docs/formats.md."""
    return {
        "schema": 1,
        "run": str(run.folder),
        "report": str(run.folder / "report.html"),
        "interrupted": run.timing["interrupted"],
        "ended": run.timing.get("ended"),
        "metrics": run.metrics,
        "trials": run.trials,
        "verdicts": run.doctor().to_json()["verdicts"],
    }
