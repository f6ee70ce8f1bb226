"""Settings as they come: words of the command line, a YAML file, nested or by dotted key."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from viewfinder.core.errors import RecipeError, nearest
from viewfinder.recipe.model import KINDS
from viewfinder.recipe.transfer import FineTune

KIND_KEYS = ("model.kind", "model")


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a YAML file, for :meth:`Recipe.changed`.

    Raises:
        RecipeError: There is no such file, or it is not a mapping in YAML.
    """
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise RecipeError(f"Cannot read the settings in {path}.", remedy=str(error)) from error
    if not isinstance(settings, dict):
        raise RecipeError(
            f"{path} holds no settings.",
            expected="a mapping such as 'training: {epochs: 3}'",
            received=type(settings).__name__,
        )
    return {str(key): value for key, value in settings.items()}


def parse_settings(pairs: Iterable[str]) -> dict[str, Any]:
    """Settings from `key=value` words; values are read as YAML, so `null` and `[1, 2]` work."""
    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise RecipeError(
                "A setting needs a key and a value.",
                expected="key=value, such as model.dropout=0.5",
                received=pair,
            )
        try:
            settings[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise RecipeError(f"Cannot read the value of {key}.", received=value) from error
    return settings


def place(tree: dict[str, Any], path: list[str], value: Any, key: str) -> None:
    """Put a value at its place in a nested mapping whose keys are the known ones."""
    name, *rest = path
    if name not in tree:
        raise RecipeError(f"A recipe has no key {key!r}.", remedy=nearest(name, tree))
    if key == "model.kind" and not rest:
        _change_kind(tree, value)
        return
    if key.startswith("training.fine_tune") and tree[name] is None and (rest or value == {}):
        tree[name] = FineTune().model_dump()
    if rest:
        if not isinstance(tree[name], dict):
            raise RecipeError(f"A recipe has no key {key!r}: {name} is a single value.")
        place(tree[name], rest, value, key)
    elif isinstance(tree[name], dict) and isinstance(value, dict):
        inner_settings = {str(inner): inner_value for inner, inner_value in value.items()}
        for inner in sorted(inner_settings, key=lambda inner: kind_first(f"{key}.{inner}")):
            place(tree[name], inner.split("."), inner_settings[inner], f"{key}.{inner}")
    else:
        tree[name] = value


def kind_first(key: str) -> bool:
    """Sorts a model's kind to the front, because it decides which other keys there are."""
    return key not in KIND_KEYS


def fits_one_size(model: Any) -> bool:
    """Whether these settings of a model are of a kind whose weights fit one picture size only."""
    return isinstance(model, dict) and not KINDS[model["kind"]].any_size


def _change_kind(model: dict[str, Any], kind: Any) -> None:
    if kind == model["kind"]:
        return
    if not isinstance(kind, str) or kind not in KINDS:
        raise RecipeError(
            "There is no such kind of model.",
            received=repr(kind),
            remedy=nearest(str(kind), KINDS),
        )
    model.clear()
    model.update(KINDS[kind]().model_dump())


def refused(error: ValidationError) -> RecipeError:
    """What the first of the refused values makes of it: where, what was expected, what came."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in KINDS)
    if first["type"] == "value_error":  # several settings together, in our own words
        if not isinstance(first["input"], dict):
            return RecipeError(
                f"The recipe's {where} cannot be used.",
                expected=first["msg"].removeprefix("Value error, "),
                received=repr(first["input"]),
            )
        return RecipeError(
            f"The recipe's {where} settings do not fit together.",
            remedy=first["msg"].removeprefix("Value error, "),
        )
    return RecipeError(
        f"The recipe's {where} cannot be used.",
        expected=first["msg"][0].lower() + first["msg"][1:],
        received=repr(first["input"]),
    )
