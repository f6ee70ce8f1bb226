"""`viewfinder train --dry-run`: shows what would be trained."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from viewfinder.cli.boundary import print_json
from viewfinder.cli.tables import print_lines, print_table, show_data, show_pictures

if TYPE_CHECKING:
    from viewfinder.core.progress import Progress
    from viewfinder.jobs.prepare import Prepared
    from viewfinder.recipe import Recipe

_NOTHING = "Dry run: nothing was trained."


def show_plan(prepared: "Prepared", progress: "Progress", *, as_json: bool) -> None:
    """The pictures, the recipe with all its settings, and the model layer by layer."""
    show_data(prepared, progress)
    recipe = prepared.recipe
    layers, parameters = _layers(recipe, len(prepared.dataset.classes), progress)
    if as_json:
        settings = recipe.model_dump(mode="json")
        _print_json(prepared, recipe=settings, parameters=parameters)
    else:
        print_lines(*recipe.to_yaml().split("\n"), *layers.split("\n"))
    progress.say(_NOTHING)


def _layers(recipe: "Recipe", classes: int, progress: "Progress") -> tuple[str, int]:
    """The layers in words, and the number of weights; without Keras where training needs none."""
    settings = recipe.on_features
    if settings and recipe.chooses_on_folds:
        from viewfinder.models.features.base import BaseExtractor
        from viewfinder.models.features.joined import planned

        base = BaseExtractor.of(recipe, settings, progress)
        graph = base.graph(progress) if base.runs_without_keras else None
        if graph:
            return planned(base, graph, 1 if classes == 2 else classes)
    from viewfinder.models import build_model, model_summary

    model = build_model(recipe, classes, progress=progress)
    return model_summary(model), model.count_params()


def show_search(
    prepared: "Prepared",
    candidates: "Sequence[tuple[str, Recipe]]",
    progress: "Progress",
    *,
    as_json: bool,
) -> None:
    """The pictures, and the candidates that a search would train on them."""
    show_pictures(prepared, progress, is_seen=False)
    if as_json:
        listed = [
            {"name": name, "recipe": recipe.model_dump(mode="json")} for name, recipe in candidates
        ]
        _print_json(prepared, candidates=listed)
    else:
        rows = [[name, recipe.name, _network(recipe)] for name, recipe in candidates]
        print_table(["candidate", "recipe", "network"], rows)
        print_lines(
            "They are trained in this order, on the same pictures, while the validation pictures "
            "can still show one to be better. --recipe NAME --dry-run shows settings and model.",
        )
    progress.say(_NOTHING)


def _network(recipe: "Recipe") -> str:
    """The base with its width, or the kind of network."""
    from viewfinder.recipe.transfer import Transfer

    model = recipe.model
    if isinstance(model, Transfer):
        name = model.base_name
        return f"{name}, width {model.alpha:g}" if model.alpha else name
    return model.kind


def _print_json(prepared: "Prepared", **planned: Any) -> None:
    """Print the document of the pictures and the plan; see docs/formats.md."""
    from viewfinder.run_folder import skipped_table

    counts = prepared.dataset.counts()
    document = {
        "schema": 1,
        **planned,
        "pictures": {split: counts[split].to_dict() for split in counts},
        "skipped": skipped_table(prepared.everything).to_dict("records"),
    }
    print_json(document)
