"""`viewfinder train`: a folder of pictures becomes a run."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from viewfinder.cli.options import (
    Alpha,
    AsJson,
    Augment,
    Base,
    Cut,
    Data,
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
    side_lengths,
    verbosity,
)
from viewfinder.errors import Interrupted

if TYPE_CHECKING:
    from viewfinder.pipeline import Prepared
    from viewfinder.progress import Progress
    from viewfinder.run import Run


def train(
    data: Data,
    recipe: RecipeName = "default",
    epochs: Annotated[int | None, typer.Option(help="Passes over the training pictures.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Pictures in a step.")] = None,
    image_size: ImageSize = None,
    lr: Annotated[float | None, typer.Option(help="The learning rate.")] = None,
    augment: Augment = None,
    base: Base = None,
    alpha: Alpha = None,
    weights: Weights = None,
    cut: Cut = None,
    head: HeadKind = None,
    views: Views = None,
    seed: Seed = None,
    holdout: Annotated[
        str | None,
        typer.Option(
            metavar="SPLIT",
            help="Keep this split (validation or test) for one evaluation at the end.",
        ),
    ] = None,
    label_from: LabelFrom = None,
    label_column: LabelColumn = None,
    root: Root = None,
    config: Annotated[Path | None, typer.Option(help="A YAML file with settings.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any setting, as model.dropout=0.5."),
    ] = None,
    output: Annotated[Path, typer.Option(help="The folder that holds the runs.")] = Path("runs"),
    name: Annotated[str | None, typer.Option(help="The run's name; numbered if taken.")] = None,
    store_limit: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="The most disk for decoded pictures, such as 2GB."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show data, recipe and model; train nothing.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train a classifier on a folder of pictures and write a report."""
    from viewfinder.cli.tables import show_data
    from viewfinder.data.sources import open_dataset
    from viewfinder.pipeline import prepare
    from viewfinder.pipeline import train as run_pipeline
    from viewfinder.progress import Progress

    flags = {
        "training.epochs": epochs,
        "training.batch_size": batch_size,
        "training.learning_rate": lr,
        "training.augment": augment,
        "input.size": side_lengths(image_size),
        "data.holdout": holdout,
        "seed": seed,
        **base_settings(base, alpha, weights, cut, head=head, views=views),
    }
    wanted = chosen_recipe(recipe, flags, config=config, settings=settings or ())
    progress = Progress(verbosity(quiet, verbose))
    budget = byte_count(store_limit)
    dataset = open_dataset(
        data, label_from=label_from, root=root, label_column=label_column, progress=progress
    )
    if dry_run:
        prepared = prepare(dataset, wanted, store_budget=budget, progress=progress)
        _show_plan(prepared, progress, as_json)
        return
    run = run_pipeline(
        dataset,
        wanted,
        output=output,
        name=name,
        progress=progress,
        store_budget=budget,
        on_prepared=lambda prepared: show_data(prepared, progress),
    )
    _show_result(run, as_json)
    if run.timing["interrupted"]:
        raise typer.Exit(Interrupted.exit_code)


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


def _show_result(run: "Run", as_json: bool) -> None:
    from viewfinder.cli.tables import metrics_table, stdout

    report = run.folder / "report.html"
    if as_json:
        print(json.dumps(run_json(run), indent=2))
        return
    out = stdout()
    out.print(metrics_table(run.metrics))
    best = run.metrics["best_epoch"]
    if best is not None:
        out.print(f"Best epoch by validation: {best} of {len(run.history)}.")
    out.print(f"Run:    {run.folder}", markup=False, soft_wrap=True)
    out.print(f"Report: {report}", markup=False, soft_wrap=True)


def run_json(run: "Run") -> dict[str, Any]:
    """What `--json` prints of a run; see docs/formats.md."""
    return {
        "schema": 1,
        "run": str(run.folder),
        "report": str(run.folder / "report.html"),
        "interrupted": run.timing["interrupted"],
        "metrics": run.metrics,
    }
