"""The base of all parts of a recipe, and unions of parts that `kind` tells apart."""

import ast
import inspect
import textwrap
from itertools import pairwise
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo

Fraction = Annotated[float, Field(ge=0, lt=1)]
Penalty = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Units = tuple[Count, ...]


class Record(BaseModel):
    """A part of a recipe: frozen, and without unknown keys.

    The docstring below a field is its description in :func:`viewfinder.recipe.recipe_schema`, which
    shows the first sentence. Pydantic's `use_attribute_docstrings` would parse the source of every
    record in every process.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    @classmethod
    def descriptions(cls) -> dict[str, str]:
        """Return the docstrings of the fields by name, those of base classes included."""
        found: dict[str, str] = {}
        for base in reversed(cls.__mro__[: cls.__mro__.index(Record)]):
            (definition,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
            for field, text in pairwise(getattr(definition, "body", [])):
                match field, text:
                    case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(words))):
                        found[name] = inspect.cleandoc(words)
        return found


class Alternative(Record):
    """A record of a union, told apart by `kind`."""

    kind: str


def _with_kind(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


# In the annotation of a union: a string is short for that kind with its defaults.
KIND_ALONE = BeforeValidator(_with_kind)


def records_of(field: FieldInfo) -> dict[str, type[BaseModel]]:
    """The records that a field may hold: of a tagged union by kind, else one under ""."""
    is_union = get_origin(field.annotation) in (Union, UnionType)
    choices = get_args(field.annotation) if is_union else (field.annotation,)
    records = [one for one in choices if isinstance(one, type) and issubclass(one, BaseModel)]
    if field.discriminator:
        return {record.model_fields["kind"].default: record for record in records}
    return {"": records[0]} if records else {}
