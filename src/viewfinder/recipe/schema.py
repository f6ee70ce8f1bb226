"""The settings of a recipe as a table: each key with type, range, default, value and meaning."""

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from viewfinder.recipe.keys import Key, keys_of, value_at
from viewfinder.recipe.record import Record, records_of

if TYPE_CHECKING:
    from viewfinder.recipe.recipe import Recipe

_TYPES = {
    "integer": "integer",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
    "object": "mapping",
}
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


@dataclass(frozen=True)
class SchemaRow:
    """A setting of a recipe.

    Attributes:
        key: With dots, as :meth:`Recipe.changed` takes it.
        type: The type, or the values to choose from, such as "number or null" and "rgb | gray".
        range: The limits of a number, such as "> 0, ≤ 10", or "".
        default: The default; for a union its kind.
        value: The recipe's value, as in `recipe.yaml`.
        description: One sentence.
    """

    key: str
    type: str
    range: str
    default: Any
    value: Any
    description: str


def recipe_schema(recipe: "Recipe") -> list[SchemaRow]:
    """The settings that a recipe has, in the order of `recipe.yaml`.

    A union has the row `….kind`, whose description names the settings that only other kinds have.
    """
    tree = recipe.model_dump(mode="json")
    keys = list(keys_of(type(recipe)))
    return [_row(key, tree) for key in keys if key.is_in(tree)]


def _row(key: Key, tree: dict[str, Any]) -> SchemaRow:
    value = value_at(tree, key.path)
    if key.field.discriminator:
        kinds = " | ".join(records_of(key.field))
        description = " ".join([_sentence(key), *_of_other_kinds(key.field, value)])
        return SchemaRow(key.path, kinds, "", key.default, value, description)
    parts = _parts(TypeAdapter(_annotated(key.field)).json_schema())
    types = dict.fromkeys(words for words, _ in parts)
    limits = dict.fromkeys(limit for _, limit in parts if limit)
    default = TypeAdapter(Any).dump_python(key.default, mode="json")
    return SchemaRow(
        key.path, " or ".join(types), " or ".join(limits), default, value, _sentence(key)
    )


def _annotated(field: FieldInfo) -> Any:
    """The field's type with its limits."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def _parts(schema: dict[str, Any]) -> list[tuple[str, str]]:
    """Type and limits of each alternative of a JSON schema, in words."""
    if "anyOf" in schema:
        return [part for choice in schema["anyOf"] for part in _parts(choice)]
    if "$ref" in schema:
        return [("mapping", "")]
    if "enum" in schema:
        return [(" | ".join(map(str, schema["enum"])), "")]
    if schema.get("type") == "array":
        items = schema.get("prefixItems") or [schema.get("items", {})]
        kind, limit = _parts(items[0])[0]
        if "prefixItems" in schema:
            return [(f"list of {len(items)} × {kind}", limit)]
        return [(f"list of {kind}", limit)]
    limits = [f"{sign} {schema[name]:.10g}" for name, sign in _BOUNDS.items() if name in schema]
    return [(_TYPES[schema["type"]], ", ".join(limits))]


def _of_other_kinds(field: FieldInfo, kind: str) -> list[str]:
    """A sentence about the settings of other kinds, where there are any."""
    records = records_of(field)
    own = records[kind].model_fields
    further = {
        other: [name for name in record.model_fields if name not in own]
        for other, record in records.items()
    }
    found = [f"{other}: {', '.join(names)}" for other, names in further.items() if names]
    return [f"Other kinds also have: {'; '.join(found)}."] if found else []


def _sentence(key: Key) -> str:
    """The first sentence of a field's description, on one line."""
    described = _descriptions(key.record) if issubclass(key.record, Record) else {}
    text = " ".join((described.get(key.name) or key.field.description or "").split())
    return re.split(r"(?<=\.)\s", text, maxsplit=1)[0]


@cache
def _descriptions(record: type[Record]) -> dict[str, str]:
    return record.descriptions()
