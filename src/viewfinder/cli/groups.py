"""Options as frozen records: declared once, and expanded into the options of each command.

A record is a dataclass whose fields are annotated as Typer annotates parameters; an option that
sets a recipe's key has a :class:`RecipeKey`, too. A field may itself be a record.
"""

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from functools import wraps
from typing import Annotated, Any, Literal, cast, get_args, get_origin

from typer.models import OptionInfo

from viewfinder.core.errors import UsageError, nearest


@dataclass(frozen=True)
class RecipeKey:
    """The recipe's key that an option sets.

    Attributes:
        path: With dots, such as `training.epochs`.
        read: Makes the setting from the option's value, where they differ.
    """

    path: str
    read: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Flag:
    """An option of a command.

    Attributes:
        name: The name in Python, such as `label_from`.
        text: As it is typed, such as `--label-from`.
        key: The recipe's key that it sets, if any.
        is_switch: Whether it takes no value.
    """

    name: str
    text: str
    key: RecipeKey | None
    is_switch: bool


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with the fields of its records as parameters, for Typer.

    Fixed choices (a `Literal`) are text for Typer. Another value raises `UsageError` with the
    nearest choice.
    """
    taken = inspect.signature(command).parameters
    parameters = [one for name in taken for one in _expanded(taken[name])]

    @wraps(command)
    def run(**values: Any) -> None:
        command(**{name: _built(taken[name], values) for name in taken})

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def flags_of(command: Callable[..., Any]) -> tuple[Flag, ...]:
    """The options of a command, or of a record."""
    parameters = inspect.signature(command).parameters.values()
    flags = [_flag(one) for parameter in parameters for one in _expanded(parameter)]
    return tuple(flag for flag in flags if flag)


def settings_of(record: Any) -> dict[str, Any]:
    """The given values of a record's options that have a key, by key."""
    settings: dict[str, Any] = {}
    for parameter in inspect.signature(type(record)).parameters.values():
        value = getattr(record, parameter.name)
        key = _key(parameter)
        if is_dataclass(value):
            settings |= settings_of(value)
        elif key and value != parameter.default:
            settings[key.path] = key.read(value) if key.read else value
    return settings


def _expanded(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    """The parameter as Typer takes it; of a record, its fields."""
    if fields := _fields(parameter):
        for field in fields.values():
            yield from _expanded(field)
    else:
        parameter = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        yield _as_shown(parameter)


def _built(parameter: inspect.Parameter, values: dict[str, Any]) -> Any:
    """The parameter's value, from those of the expanded parameters."""
    if not (fields := _fields(parameter)):
        return _chosen(parameter, values[parameter.name])
    record = parameter.annotation
    return record(**{name: _built(field, values) for name, field in fields.items()})


def _choices(parameter: inspect.Parameter) -> tuple[str, ...]:
    """The values of a parameter with fixed choices; empty for others."""
    kind, *_ = get_args(parameter.annotation) or (None,)
    literals = [one for one in (kind, *get_args(kind)) if get_origin(one) is Literal]
    return get_args(literals[0]) if literals else ()


def _as_shown(parameter: inspect.Parameter) -> inspect.Parameter:
    """The parameter with its choices in place of its type, and a flag without one."""
    kind, *declared = get_args(parameter.annotation) or (None,)
    choices = _choices(parameter)
    if not choices and kind not in (bool, bool | None):
        return parameter
    shown = f"<{'|'.join(choices)}>" if choices else ""
    for position, one in enumerate(declared):
        if isinstance(one, OptionInfo):
            declared[position] = copy.copy(one)
            declared[position].metavar = one.metavar or shown
    if choices:
        kind = str | None if parameter.default is None else str
    return parameter.replace(annotation=Annotated[kind, *declared])


def _chosen(parameter: inspect.Parameter, value: Any) -> Any:
    """The parameter's value; raise where it is none of its fixed choices."""
    choices = _choices(parameter)
    if choices and value is not None and value not in choices:
        raise UsageError(
            f"`{parameter.name}` cannot be {value!r}.", remedy=nearest(str(value), choices)
        )
    return value


def _fields(parameter: inspect.Parameter) -> Mapping[str, inspect.Parameter]:
    """The fields of a parameter that is a record."""
    if not is_dataclass(parameter.annotation):
        return {}
    return inspect.signature(cast("type", parameter.annotation)).parameters


def _flag(parameter: inspect.Parameter) -> Flag | None:
    kind, *declared = get_args(parameter.annotation) or (None,)
    options = [one for one in declared if isinstance(one, OptionInfo)]
    if not options:
        return None
    # The first name stands where a parameter without `Annotated` has its default.
    names = [one for one in (options[0].default, *(options[0].param_decls or ())) if one != ...]
    text = str(names[0]) if names else "--" + parameter.name.replace("_", "-")
    return Flag(parameter.name, text, _key(parameter), kind is bool or bool in get_args(kind))


def _key(parameter: inspect.Parameter) -> RecipeKey | None:
    return next((one for one in get_args(parameter.annotation) if isinstance(one, RecipeKey)), None)
