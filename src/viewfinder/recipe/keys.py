"""Dotted keys of a recipe: all that there are, and the nearest to an unknown one."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from viewfinder.core.errors import RecipeError
from viewfinder.recipe.record import Record, records_of


@dataclass(frozen=True)
class Key:
    """A key of a recipe.

    Attributes:
        path: With dots, such as `training.schedule.warmup`.
        record: The record that has the field.
        name: The field's name.
        field: Its field; of `….kind`, the field of the union.
        default: Its default.
        needs: The kinds under which it exists, by the dotted key of each.
    """

    path: str
    record: type[BaseModel]
    name: str
    field: FieldInfo
    default: Any
    needs: Mapping[str, str]

    def is_in(self, tree: Mapping[str, Any]) -> bool:
        """Whether it exists in a recipe with these settings, nested."""
        return all(value_at(tree, path) == kind for path, kind in self.needs.items())


def keys_of(
    record: type[BaseModel], path: str = "", needs: Mapping[str, str] | None = None
) -> Iterator[Key]:
    """The keys of a record and the records in it, under every kind.

    Yields:
        In the order of the fields. A record in a record has a key for each of its fields, and one
        as a whole where it may be null.
    """
    needs = needs or {}
    for name, field in record.model_fields.items():
        inner, default = f"{path}.{name}" if path else name, field.get_default()
        records = {kind: one for kind, one in records_of(field).items() if issubclass(one, Record)}
        if field.discriminator:
            yield Key(f"{inner}.kind", record, name, field, default.kind, needs)
        elif name != "kind" and (not records or default is None):
            yield Key(inner, record, name, field, default, needs)
        for kind, one in records.items():
            yield from keys_of(one, inner, {**needs, f"{inner}.kind": kind} if kind else needs)


def value_at(tree: Any, path: str) -> Any:
    """The value at a dotted key of nested settings; None where there is none."""
    for name in path.split("."):
        if not isinstance(tree, Mapping):
            return None
        tree = tree.get(name)
    return tree


def dotted(root: type[BaseModel], location: Sequence[int | str]) -> str:
    """The dotted key of an error's location in Pydantic, which also names kinds and indices."""
    record: type[BaseModel] | None = root
    names: list[str] = []
    parts = iter(location)
    for part in parts:
        field = record.model_fields.get(str(part)) if record else None
        if field is None:
            break
        names.append(str(part))
        records = records_of(field)
        record = records.get(str(next(parts, "")) if field.discriminator else "")
    return ".".join(names)


def unknown_key(root: type[BaseModel], tree: Mapping[str, Any], path: str) -> RecipeError:
    """The error for a key that a recipe with these settings does not have."""
    known: dict[str, list[Key]] = defaultdict(list)
    for key in keys_of(root):
        names = key.path.split(".")
        for depth in range(1, len(names) + 1):  # a part is there with any of its keys
            known[".".join(names[:depth])].append(key)
    near = _nearest(path, known, tree)
    if path in known:
        needs = _fewest_needs(known[path], tree)
        given = {key: value_at(tree, key) for key in needs[0]}
        return RecipeError(
            f"This recipe has no key {path!r}.",
            expected=_in_words(needs),
            received=", ".join(f"{key}={kind}" for key, kind in given.items()),
            remedy=_instead(near) if near and _exists(known[near], tree) else None,
        )
    if near is None:
        level = value_at(tree, path.rpartition(".")[0]) if "." in path else tree
        siblings = ", ".join(level) if isinstance(level, Mapping) else ""
        return RecipeError(f"A recipe has no key {path!r}.", remedy=f"known: {siblings}")
    needs = _fewest_needs(known[near], tree)
    return RecipeError(
        f"A recipe has no key {path!r}.",
        remedy=f"did you mean {near!r}?" + (f" It needs {_in_words(needs)}." if needs[0] else ""),
    )


def _instead(near: str) -> str | None:
    return None if near.endswith(".kind") else f"this recipe has {near!r}"


def _nearest(path: str, known: Mapping[str, list[Key]], tree: Mapping[str, Any]) -> str | None:
    """The key with the same last name, else with a similar one; keys that exist come first."""
    last = path.rpartition(".")[2]
    same = [key for key in known if key.rpartition(".")[2] == last]
    if same:
        return min(same, key=lambda key: (not _exists(known[key], tree), key.count(".")))
    here = [key for key in known if _exists(known[key], tree)]
    beside = [key for key in known if key.rpartition(".")[0] == path.rpartition(".")[0]]
    for candidates in ([key for key in beside if key in here], beside, here, list(known)):
        names = {key.rpartition(".")[2]: key for key in reversed(candidates)}
        if close := get_close_matches(last, names, n=1, cutoff=0.75):
            return names[close[0]]
    close = get_close_matches(path, known, n=1, cutoff=0.75)
    return close[0] if close else None


def _exists(keys: Sequence[Key], tree: Mapping[str, Any]) -> bool:
    return any(key.is_in(tree) for key in keys)


def _fewest_needs(keys: Sequence[Key], tree: Mapping[str, Any]) -> list[dict[str, str]]:
    """The kinds that the recipe would have to change for a key, in the ways with fewest changes."""
    needs = [
        {path: kind for path, kind in key.needs.items() if value_at(tree, path) != kind}
        for key in keys
    ]
    fewest = [one for one in needs if len(one) == min(map(len, needs))]
    return [one for number, one in enumerate(fewest) if one not in fewest[:number]]


def _in_words(needs: Sequence[Mapping[str, str]]) -> str:
    ways = (" with ".join(f"{path}={kind}" for path, kind in way.items()) for way in needs)
    return " or ".join(ways)
