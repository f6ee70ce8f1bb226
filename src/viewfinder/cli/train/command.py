"""`viewfinder train`: a folder of pictures becomes a run."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.train.folds import begin_folds, first_fold, resume_folds
from viewfinder.cli.train.options import Request
from viewfinder.cli.train.search import begin_search, is_search, resume_search, show_candidates
from viewfinder.core.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from viewfinder.run import Run


def train(request: Request) -> None:
    """Train a classifier on a folder of pictures and write a report."""
    run = request.run
    if run.resume:
        if request.splits.folds is not None or run.dry_run or run.name:
            raise UsageError(
                "--resume continues a training under its own name.",
                expected="--resume RUN without --folds, --dry-run and --name",
            )
        _resume(request, run.resume)
    elif request.data is None:
        raise UsageError(
            "There is nothing to train on.",
            expected="viewfinder train DATA, or --resume RUN",
            remedy="viewfinder train --help lists all options",
        )
    elif run.dry_run:
        _plan(request)
    else:
        _begin(request)


def _begin(request: Request) -> None:
    """Train a search, folds, or one run."""
    from viewfinder.cli.tables import show_data
    from viewfinder.jobs.train import train as train_run

    if is_search(request):
        _show_outcome(begin_search(request), request.results.as_json)
    elif request.splits.folds is not None:
        begin_folds(request)
    else:
        recipe = request.whole_recipe()
        show = partial(show_data, progress=request.progress)
        run = train_run(request.dataset(), recipe, **request.new_job(show))
        _show_outcome(run, request.results.as_json)


def _resume(request: Request, folder: Path) -> None:
    """Resume a search, folds, or one run."""
    from viewfinder.cli.tables import show_data
    from viewfinder.jobs.resume import resume
    from viewfinder.jobs.search import is_search as is_folder_of_search
    from viewfinder.run import CrossValidation, Run

    if is_folder_of_search(folder):
        _show_outcome(resume_search(request, folder), request.results.as_json)
        return
    if CrossValidation.is_in(folder):
        resume_folds(request, CrossValidation.open(folder))
        return
    recipe = request.whole_recipe(Run.open(folder).recipe)
    dataset = request.dataset() if request.data else None
    show = partial(show_data, progress=request.progress)
    run = resume(folder, recipe, dataset=dataset, **request.job(show))
    assert isinstance(run, Run)
    _show_outcome(run, request.results.as_json)


def _plan(request: Request) -> None:
    """Show what would be trained: data, recipe and model, or the candidates of a search."""
    from viewfinder.cli.train.dry_run import show_plan
    from viewfinder.jobs.prepare import prepare

    if is_search(request):
        show_candidates(request)
        return
    if request.splits.folds is not None:
        dataset, recipe = first_fold(request)
    else:
        recipe, dataset = request.whole_recipe(), request.dataset()
    progress = request.progress
    prepared = prepare(dataset, recipe, store_budget=request.store_budget, progress=progress)
    show_plan(prepared, progress, as_json=request.results.as_json)


def _show_outcome(run: "Run", as_json: bool) -> None:
    """Print the results; exit with the code of an interruption if there was one."""
    from viewfinder.jobs.search import is_search as is_folder_of_search

    if as_json:
        print_json(_run_json(run))
    else:
        _show_result(run)
    # A search that was interrupted between two candidates has no record of its trials in the run.
    is_stopped_search = is_folder_of_search(run.folder.parent) and not run.trials
    if run.timing["interrupted"] or is_stopped_search:
        raise typer.Exit(Interrupted.exit_code)


def _show_result(run: "Run") -> None:
    from viewfinder.cli.doctor import show_shortly
    from viewfinder.cli.tables import metrics_table, print_lines, stdout, trials_table

    out = stdout()
    if run.trials:
        out.print(trials_table(run.trials))
        print_lines(run.trials["why"])
    out.print(metrics_table(run.metrics))
    if run.decisions:
        print_lines(f"Validation chose {', and '.join(run.decisions)}.")
    show_shortly(run, run.doctor())
    print_lines(f"Run:    {run.folder}", f"Report: {run.folder / 'report.html'}")


def _run_json(run: "Run") -> dict[str, Any]:
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
