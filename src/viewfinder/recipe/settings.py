"""Settings from the command line, a file or Python, and their values laid over a recipe's."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from viewfinder.core.errors import RecipeError, nearest
from viewfinder.core.records import as_expected, parse_yaml, read_yaml_settings
from viewfinder.recipe.keys import dotted, unknown_key
from viewfinder.recipe.record import records_of

# A setting's dotted key, as names, and its value.
_Settings = list[tuple[list[str], Any]]


class _UnknownKeyError(Exception):
    def __init__(self, key: str, tree: dict[str, Any]) -> None:
        """A dotted key, and the settings that do not have it, with the kinds set so far."""
        super().__init__(key)
        self.key = key
        self.tree = tree


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a YAML file, for :meth:`Recipe.changed`.

    Raises:
        RecipeError: The file cannot be read, or is not a mapping in YAML.
    """
    try:
        settings = read_yaml_settings(path)
    except (OSError, ValueError) as error:
        raise RecipeError(f"Cannot read the settings in {path}.", remedy=str(error)) from error
    if not isinstance(settings, dict):
        raise RecipeError(
            f"{path} holds no settings.",
            expected="a mapping such as 'training: {epochs: 3}'",
            received=type(settings).__name__,
        )
    return {str(key): value for key, value in settings.items()}


def parse_settings(pairs: Iterable[str]) -> dict[str, Any]:
    """Settings from `key=value` words; values are read as YAML, so `null` and `[1, 2]` work.

    Raises:
        RecipeError: A word has no key or no value, or the value is not YAML.
    """
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
            settings[key.strip()] = parse_yaml(value)
        except ValueError as error:
            raise RecipeError(f"Cannot read the value of {key}.", received=value) from error
    return settings


def laid_over(
    root: type[BaseModel], tree: dict[str, Any], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Nested settings of a record with others laid over them.

    Args:
        root: The record's class.
        tree: What `model_dump` returns; unchanged.
        settings: By dotted key; a mapping as value has further keys, and a string for a union is
            the kind. A kind comes before the keys beside it, whatever the order.

    Raises:
        RecipeError: There is no such key or kind.
    """
    pairs = [(key.split("."), value) for key, value in settings.items()]
    try:
        return _record_over(root, tree, pairs, "")
    except _UnknownKeyError as error:
        raise unknown_key(root, error.tree, error.key) from None


def _record_over(
    record: type[BaseModel], tree: Mapping[str, Any], settings: _Settings, path: str
) -> dict[str, Any]:
    grouped: dict[str, _Settings] = defaultdict(list)
    for (name, *rest), value in settings:
        grouped[name].append((rest, value))
    changed = dict(tree)
    for name, inner in grouped.items():
        key = f"{path}.{name}" if path else name
        if name not in record.model_fields:
            raise _UnknownKeyError(".".join([key, *inner[0][0]]), changed)
        field = record.model_fields[name]
        try:
            changed[name] = _value_over(field, changed.get(name), inner, key)
        except _UnknownKeyError as error:
            raise _UnknownKeyError(error.key, {**changed, name: error.tree}) from None
    return changed


def _value_over(field: FieldInfo, value: Any, settings: _Settings, path: str) -> Any:
    """A field's value with settings laid over it; their keys are below the field."""
    records = records_of(field)
    below: _Settings = []
    for rest, new in sorted(settings, key=lambda setting: len(setting[0])):
        if rest:
            below.append((rest, new))
        elif field.discriminator and isinstance(new, str):
            below.append((["kind"], new))
        elif isinstance(new, Mapping) and records and isinstance(value, dict | None):
            below += [(str(name).split("."), inner) for name, inner in new.items()]
            value = value or {}
        elif field.discriminator:
            raise RecipeError(
                f"The recipe's {path} cannot be used.",
                expected=f"{', '.join(records)}, or a mapping with `kind`",
                received=repr(new),
            )
        else:
            value = new
    if not below:
        return value
    if not records or not isinstance(value, dict | None):
        name = ".".join(below[0][0])
        raise RecipeError(f"A recipe has no key '{path}.{name}': {path} is a single value.")
    if field.discriminator:
        assert value is not None
        kinds = [new for rest, new in below if rest == ["kind"]]
        value = _of_kind(records, value, kinds[-1], path) if kinds else value
        below = [(rest, new) for rest, new in below if rest != ["kind"]]
        return _record_over(records[value["kind"]], value, below, path)
    return _record_over(records[""], value or {}, below, path)


def _of_kind(
    records: Mapping[str, type[BaseModel]], value: dict[str, Any], kind: Any, path: str
) -> dict[str, Any]:
    """The settings for another kind: its defaults, but for the values that both kinds have.

    A network has its own defaults throughout, as keys of one name mean other layers in another.
    """
    if kind == value["kind"]:
        return value
    if not isinstance(kind, str) or kind not in records:
        raise RecipeError(f"There is no {path}.kind {kind!r}.", remedy=nearest(str(kind), records))
    defaults = records[kind]().model_dump()
    if path == "model":
        return defaults
    shared = {
        name: given
        for name, given in value.items()
        if name in defaults and name != "kind" and given is not None
    }
    return defaults | shared


def refused(root: type[BaseModel], error: ValidationError) -> RecipeError:
    """The first of Pydantic's errors as the library's own."""
    first = error.errors()[0]
    where = dotted(root, first["loc"])
    if first["type"] == "value_error":  # a validator of the recipe, in the library's own words
        expected, remedy = first["msg"].removeprefix("Value error, "), None
        if isinstance(first["input"], dict):
            fact = f"The recipe's {where} settings do not fit together."
            return RecipeError(fact, remedy=expected)
    else:
        expected, remedy = as_expected(first)
    return RecipeError(
        f"The recipe's {where} cannot be used.",
        expected=expected,
        received=repr(first["input"]),
        remedy=remedy,
    )
