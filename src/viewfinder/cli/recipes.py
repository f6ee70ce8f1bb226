"""`viewfinder recipes`: what the named recipes are."""

from typing import TYPE_CHECKING, Annotated

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import AsJson

if TYPE_CHECKING:
    from viewfinder.recipe import Recipe


def recipes(
    name: Annotated[str | None, typer.Argument(help="Show this recipe's settings.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the named recipes, or show one as YAML (to change and pass as --config)."""
    from viewfinder.cli.tables import stdout, table
    from viewfinder.recipe.named import RECIPES, recipe_named

    shown = [recipe_named(name)] if name else list(RECIPES.values())
    if as_json:
        settings = [one.model_dump(mode="json") for one in shown]
        print_json({"schema": 1, "recipes": settings})
    elif name:
        print(f"# viewfinder train DATA --recipe {name}")
        print(shown[0].to_yaml(), end="")
    else:
        headings = ["recipe", "network", "sees", "epochs", "augment", "what it is for"]
        stdout().print(table(headings, map(_row, shown), whole_names=True))


def _row(recipe: "Recipe") -> list[str]:
    size, training = recipe.input.size, recipe.training
    own = "own" if not isinstance(training.augment, str) else training.augment
    return [
        recipe.name,
        recipe.model.kind,
        f"{size[1]} × {size[0]}" if size else "what suits",
        "–" if recipe.chooses_on_folds else str(training.epochs),
        own,
        recipe.summary,
    ]
