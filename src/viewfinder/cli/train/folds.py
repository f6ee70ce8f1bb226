"""`viewfinder train --folds`: every picture is evaluated once, by a model not trained on it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.train.options import Request
from viewfinder.core.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from viewfinder.data.dataset import Dataset
    from viewfinder.jobs.prepare import Prepared
    from viewfinder.recipe import Recipe
    from viewfinder.run import CrossValidation


def begin_folds(request: Request) -> None:
    """Train a run for each fold, and show the results of all."""
    from viewfinder.jobs.folds import cross_validate

    def show(dealt: "Prepared") -> None:
        _show_dealt(dealt, request)

    recipe, count = request.whole_recipe(), request.splits.folds
    whole = cross_validate(request.dataset(), recipe, count, **request.new_job(show))
    _show(whole, request.results.as_json)


def resume_folds(request: Request, stopped: "CrossValidation") -> None:
    """Train the missing folds, and show the results of all.

    Raises:
        UsageError: The request changes the recipe.
    """
    from viewfinder.jobs.resume import resume
    from viewfinder.run import CrossValidation

    if request.whole_recipe(stopped.recipe) != stopped.recipe:
        raise UsageError(
            "All folds are trained with the same settings.",
            expected="--resume without settings",
            remedy="--folds without --resume trains new folds, with other settings",
        )
    dataset = request.dataset() if request.data else None
    whole = resume(stopped, dataset=dataset, **request.job())
    assert isinstance(whole, CrossValidation)
    _show(whole, request.results.as_json)


def first_fold(request: Request) -> "tuple[Dataset, Recipe]":
    """The dataset and the recipe of the first fold's run: for `--dry-run`."""
    from viewfinder.data.splits.folds import folds_of
    from viewfinder.jobs.folds import deal, recipe_of

    recipe, progress = request.whole_recipe(), request.progress
    dealt = deal(
        request.dataset(),
        recipe,
        request.splits.folds,
        store_budget=request.store_budget,
        progress=progress,
    )
    _show_dealt(dealt, request)
    first = folds_of(dealt.dataset.table)[0]
    progress.say(f"Of these folds, the run of fold {first}, which is its test split:")
    return dealt.dataset, recipe_of(dealt.recipe, first)


def _show_dealt(dealt: "Prepared", request: Request) -> None:
    from viewfinder.cli.tables import show_data
    from viewfinder.data.splits.folds import fold_counts

    counts = fold_counts(dealt.dataset.table, dealt.dataset.classes)
    show_data(dealt, request.progress, counts.add_prefix("fold "))


def _show(whole: "CrossValidation", as_json: bool) -> None:
    from viewfinder.cli.tables import folds_table, print_lines, stdout
    from viewfinder.run_folder import FOLDS

    results = whole.results
    is_whole = not results["missing"]
    if as_json:
        paths = {"folder": str(whole.folder), "interrupted": not is_whole}
        print_json({**results, **paths})
    else:
        out = stdout()
        if results["folds"]:
            out.print(folds_table(results))
        if is_whole:
            print_lines(*_in_words(results))
        print_lines(f"Folds:   {whole.folder / FOLDS}")
        if results["folds"]:
            reports = whole.folder / "fold-*" / "report.html"
            print_lines(f"Reports: {reports}")
    if not is_whole:
        raise typer.Exit(Interrupted.exit_code)


def _in_words(results: Mapping[str, Any]) -> list[str]:
    """The figures of all folds, and how reliable they are."""
    mean, deviation = results["accuracy_mean"], results["accuracy_deviation"]
    leaks = results["all"].get("leaks")
    lines = [
        f"Mean of the folds {mean:.4f}, standard deviation {deviation:.4f}.",
        "Every picture was evaluated once, by a model that was not trained on it.",
    ]
    if leaks:
        lines[1] += (
            f" But {sum(leaks.values()):,} are duplicates, or nearly, of pictures that trained it: "
            "for these, the accuracy is too high."
        )
    return lines
