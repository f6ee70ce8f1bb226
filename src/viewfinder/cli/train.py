"""`viewfinder train`: a folder of pictures becomes a run."""

import json
from dataclasses import dataclass
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
    Isolate,
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
    planned_search,
)
from viewfinder.cli.training_options import (
    L2,
    AllowLeaks,
    BatchNorm,
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
    TestShare,
)
from viewfinder.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from viewfinder.data.dataset import Dataset
    from viewfinder.progress import Progress
    from viewfinder.recipe import Recipe
    from viewfinder.run import Run


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
    from viewfinder.progress import Progress

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
    asked = _Asked(
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


@dataclass(frozen=True)
class _Asked:
    """What the command line asks for, sorted.

    Attributes:
        recipe: A recipe's name.
        flags: Settings by the recipe's dotted keys, those that were given.
        config: A file with settings.
        settings: `key=value` words.
        data: The pictures.
        hints: How to read them.
        folds: Into how many they are dealt.
        tensorboard: Whether logs are wanted.
        store_budget: Bytes that decoded pictures may take.
        progress: Tells how far it is.
        as_json: Whether the result is for machines.
    """

    recipe: str | None
    flags: "Mapping[str, Any]"
    config: Path | None
    settings: tuple[str, ...]
    data: Path | None
    hints: "Mapping[str, Any]"
    folds: int | None
    tensorboard: bool
    store_budget: int | None
    progress: "Progress"
    as_json: bool

    @property
    def of_recipes_only(self) -> list[str]:
        """Options beside the flags that a search without a recipe has no use for, as written."""
        return [
            *([f"--config {self.config}"] if self.config else []),
            *(f"--set {one}" for one in self.settings),
            *(["--tensorboard"] if self.tensorboard else []),
            *([f"--folds {self.folds}"] if self.folds is not None else []),
        ]

    @property
    def is_search(self) -> bool:
        """Whether several recipes are to be tried."""
        return is_search(self.recipe, self.flags, self.of_recipes_only)

    @property
    def reading(self) -> dict[str, Any]:
        """What everything that reads pictures takes."""
        return {"progress": self.progress, "store_budget": self.store_budget}

    @property
    def training(self) -> dict[str, Any]:
        """What everything that trains takes."""
        return {**self.reading, "tensorboard": self.tensorboard}

    def whole_recipe(self, begun: "Recipe | None" = None) -> "Recipe":
        """The recipe with all that was said; of a run that was begun, changed by it."""
        name = None if self.is_search else self.recipe
        return chosen_recipe(
            name, self.flags, config=self.config, settings=self.settings, begun=begun
        )

    def pictures(self) -> "Dataset":
        """DATA, opened."""
        assert self.data is not None
        return open_data(self.data, **self.hints, progress=self.progress)


def _begin(asked: _Asked, place: dict[str, Any]) -> None:
    """A search, folds, or one run; written to `place`."""
    from viewfinder.cli.tables import show_data
    from viewfinder.pipeline import train as run_pipeline

    if asked.is_search:
        run = begin_search(asked.pictures(), asked.flags, **place, **asked.reading)
        _end(run, asked.as_json)
        return
    recipe = asked.whole_recipe()
    dataset = asked.pictures()
    if asked.folds is not None:
        begin_folds(dataset, recipe, asked.folds, as_json=asked.as_json, **place, **asked.training)
        return
    show = partial(show_data, progress=asked.progress)
    run = run_pipeline(dataset, recipe, on_prepared=show, **place, **asked.training)
    _end(run, asked.as_json)


def _go_on(asked: _Asked, stopped_at: Path) -> None:
    """Go on with a search, folds, or one run, where it was stopped."""
    from viewfinder.cli.tables import show_data
    from viewfinder.resuming import resume as resume_run
    from viewfinder.run import Run

    if is_stopped_search(stopped_at):
        others = [*asked.of_recipes_only, *([str(asked.data)] if asked.data else [])]
        run = go_on_with_search(stopped_at, asked.flags, others, **asked.reading)
        _end(run, asked.as_json)
        return
    stopped = stopped_in(stopped_at)
    recipe = asked.whole_recipe(stopped.recipe)
    dataset = asked.pictures() if asked.data else None
    if not isinstance(stopped, Run):
        go_on_with_folds(stopped, recipe, dataset=dataset, as_json=asked.as_json, **asked.training)
        return
    show = partial(show_data, progress=asked.progress)
    run = resume_run(stopped, recipe, dataset=dataset, on_prepared=show, **asked.training)
    _end(run, asked.as_json)


def _plan(asked: _Asked) -> None:
    """What would be trained, or tried: data, recipe and model."""
    from viewfinder.cli.dry_run import show_plan, show_ways
    from viewfinder.prepared import prepare

    progress = asked.progress
    if asked.is_search:
        prepared, ways = planned_search(asked.pictures(), asked.flags, **asked.reading)
        show_ways(prepared, ways, progress, as_json=asked.as_json)
        return
    recipe, dataset = asked.whole_recipe(), asked.pictures()
    if asked.folds is not None:
        dataset, recipe = first_fold(dataset, recipe, asked.folds, asked.store_budget, progress)
    show_plan(prepare(dataset, recipe, **asked.reading), progress, as_json=asked.as_json)


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
