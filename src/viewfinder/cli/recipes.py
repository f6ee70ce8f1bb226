"""`viewfinder recipes`: what the named recipes are."""

import json
from typing import Annotated

import typer

from viewfinder.cli.options import AsJson


def recipes(
    name: Annotated[str | None, typer.Argument(help="Show this recipe's settings.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the named recipes, or show one as YAML (to change and pass as --config)."""
    from viewfinder.cli.tables import stdout, table
    from viewfinder.recipes import RECIPES, recipe_named

    shown = [recipe_named(name)] if name else list(RECIPES.values())
    if as_json:
        settings = [one.model_dump(mode="json") for one in shown]
        print(json.dumps({"schema": 1, "recipes": settings}, indent=2))
    elif name:
        print(shown[0].to_yaml(), end="")
    else:
        rows = [[one.name, one.summary] for one in shown]
        stdout().print(table(["recipe", "what it is for"], rows))
