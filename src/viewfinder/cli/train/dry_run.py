"""`viewfinder train --dry-run`: what would be trained; nothing is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from viewfinder.cli.boundary import print_json
from viewfinder.cli.tables import show_data, show_pictures, stdout, table

if TYPE_CHECKING:
    from viewfinder.core.progress import Progress
    from viewfinder.jobs.prepare import Prepared
    from viewfinder.recipe import Recipe

_NOTHING = "Dry run: nothing was trained."


def show_plan(prepared: "Prepared", progress: "Progress", *, as_json: bool) -> None:
    """The pictures, the recipe with all its settings, and the model layer by layer."""
    from viewfinder.models import build_model, model_summary

    show_data(prepared, progress)
    recipe = prepared.recipe
    model = build_model(recipe, len(prepared.dataset.classes), progress=progress)
    if as_json:
        settings = recipe.model_dump(mode="json")
        _print_json(prepared, recipe=settings, parameters=model.count_params())
    else:
        out = stdout()
        out.print(recipe.to_yaml(), markup=False, soft_wrap=True)
        out.print(model_summary(model), markup=False, soft_wrap=True)
    progress.say(_NOTHING)


def show_ways(
    prepared: "Prepared",
    ways: "Sequence[tuple[str, Recipe]]",
    progress: "Progress",
    *,
    as_json: bool,
) -> None:
    """The pictures, and what a search would try on them."""
    show_pictures(prepared, progress, is_seen=False)
    if as_json:
        tried = [{"name": name, "recipe": one.model_dump(mode="json")} for name, one in ways]
        _print_json(prepared, ways=tried)
    else:
        out = stdout()
        rows = [[name, one.name, _network(one)] for name, one in ways]
        out.print(table(["to be tried", "recipe", "network"], rows))
        out.print(
            "In this order, on the same pictures, as long as something better could be shown on "
            "those that judge. --recipe NAME --dry-run shows one with its settings and its model.",
            markup=False,
            soft_wrap=True,
        )
    progress.say(_NOTHING)


def _network(recipe: "Recipe") -> str:
    """What it is built on, with its width; or its kind."""
    from viewfinder.recipe.transfer import Transfer

    model = recipe.model
    if isinstance(model, Transfer):
        return f"{model.base}, width {model.alpha:g}" if model.alpha else model.base
    return model.kind


def _print_json(prepared: "Prepared", **planned: Any) -> None:
    """A document of the pictures and what is planned for them; see docs/formats.md."""
    from viewfinder.run import skipped_table

    counts = prepared.dataset.counts()
    document = {
        "schema": 1,
        **planned,
        "pictures": {split: counts[split].to_dict() for split in counts},
        "skipped": skipped_table(prepared.everything).to_dict("records"),
    }
    print_json(document)
