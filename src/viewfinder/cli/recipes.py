"""`viewfinder recipes`: the named recipes, and the settings of each."""

from typing import TYPE_CHECKING, Annotated

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.listing import show_list
from viewfinder.cli.options import AsJson
from viewfinder.core.errors import UsageError

if TYPE_CHECKING:
    from viewfinder.recipe import Recipe

_HEADINGS = ["recipe", "epochs", "purpose"]


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(help="Show this recipe as YAML, which --config takes.", show_default=False),
    ] = None,
    *,
    schema: Annotated[
        bool,
        typer.Option("--schema", help="List its keys with type, range, default and meaning."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the named recipes, or show one."""
    from viewfinder.recipe.named import RECIPES, recipe_named

    if schema:
        if name is None:
            raise UsageError("--schema describes one recipe.", expected="recipes NAME --schema")
        _show_schema(recipe_named(name), as_json)
    elif name and not as_json:
        settings = recipe_named(name).to_yaml()
        print(f"# viewfinder train DATA --recipe {name}\n{settings}", end="")
    else:
        shown = [recipe_named(name)] if name else list(RECIPES.values())
        documents = {"recipes": [one.model_dump(mode="json") for one in shown]}
        show_list(documents, _HEADINGS, map(_row, shown), as_json=as_json)


def _row(recipe: "Recipe") -> list[str]:
    epochs = "–" if recipe.chooses_on_folds else str(recipe.steps.epochs)
    return [recipe.name, epochs, recipe.summary]


def _show_schema(recipe: "Recipe", as_json: bool) -> None:
    """Print each key, its type and range, its default, its value if that differs, and meaning."""
    from dataclasses import asdict

    from rich.padding import Padding
    from rich.text import Text

    from viewfinder.cli.tables import stdout
    from viewfinder.recipe import recipe_schema

    rows = recipe_schema(recipe)
    if as_json:
        print_json({"schema": 1, "recipe": recipe.name, "keys": [asdict(row) for row in rows]})
        return
    out = stdout()
    for row in rows:
        is_other = row.value is not None and row.value != row.default
        value = f", here {_word(row.value)}" if is_other else ""
        kind = ", ".join(filter(None, (row.type, row.range)))
        rest = f"  {kind}; default {_word(row.default)}{value}"
        out.print(Text.assemble((row.key, "bold"), rest))
        out.print(Padding(Text(row.description), (0, 0, 0, 4), expand=False))


def _word(value: object) -> str:
    """A value as `--set` takes it."""
    import json

    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
