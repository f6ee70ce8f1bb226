"""`viewfinder train` without a recipe: several candidates are compared."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viewfinder.cli.train.options import Request
from viewfinder.core.errors import UsageError

if TYPE_CHECKING:
    from viewfinder.jobs.prepare import Prepared
    from viewfinder.recipe import Recipe
    from viewfinder.run import Run

# Settings that all candidates take.
_OF_EVERY_CANDIDATE = frozenset(
    {
        *("data.validation", "data.holdout", "data.test", "data.fold", "data.allow_leaks"),
        *("seed", "training.stop.max_time"),
        *("model.kind", "model.base", "model.alpha", "model.weights", "model.cut"),
    }
)


def is_search(request: Request) -> bool:
    """Whether no recipe is requested, neither by name nor by a setting that only a recipe has.

    Raises:
        UsageError: `--recipe auto` and such a setting.
    """
    name, settings = request.recipe.recipe, _of_recipes_only(request)
    if name == "auto" and settings:
        raise UsageError(
            "--recipe auto compares recipes as they are.",
            expected="none of their settings",
            received=", ".join(settings),
            remedy="name the recipe to which the setting belongs, such as --recipe scratch",
        )
    return name == "auto" or (name is None and not settings)


def begin_search(request: Request) -> "Run":
    """Train one candidate after another; the run of the best so far where it was interrupted."""
    from viewfinder.cli.tables import show_pictures
    from viewfinder.jobs.search import auto

    def show(prepared: "Prepared") -> None:
        show_pictures(prepared, request.progress, is_seen=False)

    probe, limit = _probe(request.flags), _limit(request.flags)
    return auto(request.dataset(), probe, max_time=limit, **request.new_job(show))


def show_candidates(request: Request) -> None:
    """Show the pictures and the candidates that a search would train on them."""
    from viewfinder.cli.train.dry_run import show_search
    from viewfinder.jobs.search import planned

    prepared, candidates = planned(
        request.dataset(),
        _probe(request.flags),
        progress=request.progress,
        store_budget=request.store_budget,
    )
    show_search(prepared, candidates, request.progress, as_json=request.results.as_json)


def resume_search(request: Request, folder: Path) -> "Run":
    """Train the candidates that are left.

    Raises:
        UsageError: Something other than a time limit is requested.
    """
    from viewfinder.jobs.resume import resume
    from viewfinder.run import Run

    others = [key for key in request.flags if key != "training.stop.max_time"]
    others += [one for one in _of_recipes_only(request) if one not in others]
    others += [str(request.data)] if request.data else []
    if others:
        raise UsageError(
            "A search is resumed with its own pictures and recipes.",
            expected=f"viewfinder train --resume {folder}, perhaps with --max-time",
            received=", ".join(others),
        )
    run = resume(folder, max_time=_limit(request.flags), **request.job())
    assert isinstance(run, Run)
    return run


def _of_recipes_only(request: Request) -> list[str]:
    """What is requested that only a recipe takes: keys, and other options as they are typed."""
    recipe = request.recipe
    return [
        *(key for key in request.flags if key not in _OF_EVERY_CANDIDATE),
        *([f"--config {recipe.config}"] if recipe.config else []),
        *(f"--set {one}" for one in recipe.settings or ()),
        *(["--tensorboard"] if request.run.tensorboard else []),
        *([f"--folds {request.splits.folds}"] if request.splits.folds is not None else []),
    ]


def _probe(flags: Mapping[str, Any]) -> "Recipe":
    """The recipe of the linear head, with the settings that all candidates take."""
    from viewfinder.recipe.named import recipe_named

    of_probe = {key: value for key, value in flags.items() if not key.startswith("training.")}
    return recipe_named("transfer").changed(of_probe)


def _limit(flags: Mapping[str, Any]) -> float | None:
    """The time limit of a whole search, in seconds."""
    from viewfinder.recipe import Recipe

    key = "training.stop.max_time"
    return Recipe().changed({key: flags.get(key)}).training.stop.max_time
