"""`viewfinder train --folds`: every picture is judged once, by a model that has not seen it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.core.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from viewfinder.core.progress import Progress
    from viewfinder.data.dataset import Dataset
    from viewfinder.jobs.prepare import Prepared
    from viewfinder.recipe import Recipe
    from viewfinder.run import Run
    from viewfinder.run.folds import CrossValidation


def stopped_in(folder: Path) -> "Run | CrossValidation":
    """The run, or the folds, that `--resume` goes on with."""
    from viewfinder.run import Run
    from viewfinder.run.folds import CrossValidation

    return CrossValidation.open(folder) if CrossValidation.is_in(folder) else Run.open(folder)


def begin_folds(
    dataset: "Dataset",
    recipe: "Recipe",
    folds: int,
    *,
    progress: "Progress",
    as_json: bool,
    **options: Any,
) -> None:
    """Train a run for each fold, and show what they come to together."""
    from viewfinder.jobs.folds import cross_validate

    def show(dealt: "Prepared") -> None:
        _show_dealt(dealt, progress)

    whole = cross_validate(dataset, recipe, folds, progress=progress, on_dealt=show, **options)
    _show(whole, as_json)


def go_on_with_folds(
    whole: "CrossValidation",
    recipe: "Recipe",
    *,
    dataset: "Dataset | None",
    progress: "Progress",
    as_json: bool,
    **options: Any,
) -> None:
    """Train the folds that are missing, and show what all come to together."""
    from viewfinder.jobs.folds import resume_folds

    if recipe != whole.recipe:
        raise UsageError(
            "All folds have the settings with which they were begun.",
            expected="--resume without settings",
            remedy="--folds without --resume begins anew, with other settings",
        )
    resume_folds(whole, dataset=dataset, progress=progress, **options)
    _show(whole, as_json)


def first_fold(
    dataset: "Dataset", recipe: "Recipe", folds: int, budget: int | None, progress: "Progress"
) -> "tuple[Dataset, Recipe]":
    """What the first fold's run would be made of: for `--dry-run`."""
    from viewfinder.data.splits.folds import folds_of
    from viewfinder.jobs.folds import deal, recipe_of

    dealt = deal(dataset, recipe, folds, store_budget=budget, progress=progress)
    _show_dealt(dealt, progress)
    first = folds_of(dealt.dataset)[0]
    progress.say(f"Of these folds, the run of fold {first}, which is its test split:")
    return dealt.dataset, recipe_of(dealt.recipe, first)


def _show_dealt(dealt: "Prepared", progress: "Progress") -> None:
    from viewfinder.cli.tables import show_data
    from viewfinder.data.splits.folds import fold_counts

    show_data(dealt, progress, fold_counts(dealt.dataset).add_prefix("fold "))


def _show(whole: "CrossValidation", as_json: bool) -> None:
    from viewfinder.cli.tables import folds_table, stdout
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
            for line in _in_words(results):
                out.print(line, soft_wrap=True)
        out.print(f"Folds:   {whole.folder / FOLDS}", markup=False, soft_wrap=True)
        if results["folds"]:
            reports = whole.folder / "fold-*" / "report.html"
            out.print(f"Reports: {reports}", markup=False, soft_wrap=True)
    if not is_whole:
        raise typer.Exit(Interrupted.exit_code)


def _in_words(results: "Mapping[str, Any]") -> list[str]:
    """What the figures are, and how far they are to be believed."""
    mean, deviation = results["accuracy_mean"], results["accuracy_deviation"]
    leaks = results["all"].get("leaks")
    lines = [
        f"Mean of the folds {mean:.4f}, standard deviation {deviation:.4f}.",
        "Every picture was judged once, by a model that was not trained on it.",
    ]
    if leaks:
        lines[1] += (
            f" But {sum(leaks.values()):,} are copies, or nearly, of pictures that trained it: "
            "for these, the figure is too good."
        )
    return lines
