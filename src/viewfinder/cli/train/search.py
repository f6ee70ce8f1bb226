"""`viewfinder train` without a recipe: what does best is taken."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viewfinder.core.errors import UsageError

if TYPE_CHECKING:
    from viewfinder.core.progress import Progress
    from viewfinder.data.dataset import Dataset
    from viewfinder.jobs.prepare import Prepared
    from viewfinder.recipe import Recipe
    from viewfinder.run import Run

# What has a say in every way of training that is tried.
_OF_EVERY_WAY = frozenset(
    {
        *("data.holdout", "data.test", "data.fold", "data.allow_leaks"),
        *("seed", "training.stop.max_time"),
        *("model.kind", "model.base", "model.alpha", "model.weights"),
    }
)


def is_search(name: str | None, given: Mapping[str, Any], told: Iterable[str]) -> bool:
    """Whether no recipe was asked for, neither by name nor by what only a recipe can be told.

    Args:
        name: The recipe's.
        given: Settings by their dotted keys.
        told: Further options that ask for a recipe, as they were written.

    Raises:
        UsageError: `--recipe auto`, and something that only a recipe can be told.
    """
    told = [*(key for key in given if key not in _OF_EVERY_WAY), *told]
    if name == "auto" and told:
        raise UsageError(
            "--recipe auto tries recipes as they are.",
            expected="none of their settings",
            received=", ".join(told),
            remedy="name the recipe that it is a setting of, such as --recipe scratch",
        )
    return name == "auto" or (name is None and not told)


def begin_search(
    dataset: "Dataset", given: Mapping[str, Any], *, progress: "Progress", **options: Any
) -> "Run":
    """Try one way after another; the run of the best so far where it was interrupted."""
    from viewfinder.cli.tables import show_pictures
    from viewfinder.jobs.search import auto

    return auto(
        dataset,
        _probe(given),
        on_prepared=lambda prepared: show_pictures(prepared, progress, is_seen=False),
        progress=progress,
        **_limit(given),
        **options,
    )


def planned_search(
    dataset: "Dataset", given: Mapping[str, Any], **options: Any
) -> "tuple[Prepared, list[tuple[str, Recipe]]]":
    """What would be tried on these pictures: for `--dry-run`."""
    from viewfinder.jobs.search import planned

    return planned(dataset, _probe(given), **options)


def is_stopped_search(folder: Path) -> bool:
    """Whether `--resume` goes on with a search."""
    from viewfinder.jobs.search import is_unfinished

    return is_unfinished(folder)


def go_on_with_search(folder: Path, given: Mapping[str, Any], told: Any, **options: Any) -> "Run":
    """Try the ways that are left.

    Raises:
        UsageError: Something else was asked for as well.
    """
    from viewfinder.jobs.search import resume_auto

    others = [key for key in given if key != "training.stop.max_time"]
    if others or told:
        raise UsageError(
            "A search goes on with its own pictures and recipes.",
            expected=f"viewfinder train --resume {folder}, perhaps with --max-time",
            received=", ".join([*others, *told]),
        )
    return resume_auto(folder, **_limit(given), **options)


def _probe(given: Mapping[str, Any]) -> "Recipe":
    """The recipe of the linear head, with what was said."""
    from viewfinder.recipe.named import recipe_named

    of_probe = {key: value for key, value in given.items() if not key.startswith("training.")}
    return recipe_named("transfer").changed(of_probe)


def _limit(given: Mapping[str, Any]) -> dict[str, Any]:
    """The time limit of a whole search, in seconds."""
    from viewfinder.recipe import Recipe

    key = "training.stop.max_time"
    if key not in given:
        return {}
    return {"max_time": Recipe().changed({key: given[key]}).training.stop.max_time}
