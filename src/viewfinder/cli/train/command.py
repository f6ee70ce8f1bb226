"""`viewfinder train`: a folder of pictures becomes a run."""

from functools import partial
from pathlib import Path

from viewfinder.cli.train.folds import begin_folds, first_fold, resume_folds
from viewfinder.cli.train.options import Request
from viewfinder.cli.train.outcome import show_outcome
from viewfinder.cli.train.search import begin_search, is_search, resume_search, show_candidates
from viewfinder.core.errors import UsageError


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
        show_outcome(begin_search(request), request.results.as_json)
    elif request.splits.folds is not None:
        begin_folds(request)
    else:
        recipe = request.whole_recipe()
        show = partial(show_data, progress=request.progress)
        run = train_run(request.dataset(), recipe, **request.new_job(show))
        show_outcome(run, request.results.as_json)


def _resume(request: Request, folder: Path) -> None:
    """Resume a search, folds, or one run."""
    from viewfinder.cli.tables import show_data
    from viewfinder.jobs.resume import resume
    from viewfinder.jobs.search import is_search as is_folder_of_search
    from viewfinder.run import CrossValidation, Run

    if is_folder_of_search(folder):
        show_outcome(resume_search(request, folder), request.results.as_json)
        return
    if CrossValidation.is_in(folder):
        resume_folds(request, CrossValidation.open(folder))
        return
    recipe = request.whole_recipe(Run.open(folder).recipe)
    dataset = request.dataset() if request.data else None
    show = partial(show_data, progress=request.progress)
    run = resume(folder, recipe, dataset=dataset, **request.job(show))
    assert isinstance(run, Run)
    show_outcome(run, request.results.as_json)


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
