"""A recipe as rows of settings and values."""

from collections.abc import Iterator, Mapping
from typing import Any


def settings(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as rows of a dotted key and a value."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _setting(value)


def _setting(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(_setting(item) for item in value) or "none"
        case Mapping():
            return ", ".join(f"{key}: {_setting(item)}" for key, item in value.items()) or "none"
        case _:
            return str(value)
