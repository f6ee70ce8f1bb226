"""The library's messages in the words of the command line.

A message names a recipe's key with its dots (`training.epochs`), and an argument in backticks, each
perhaps with a value after "=". Both become the flags that the running command has for them.
"""

import re
import shlex
from collections.abc import Sequence

from viewfinder.cli.groups import Flag

_VALUE = r"""(?:=(?P<value>\[[^\]]*\]|\{[^}]*\}|'[^']*'|"[^"]*"|[^\s,;:)`]*[^\s,;:.)`]))?"""
_KEY = re.compile(
    r"(?<![\w./'-])(?<!--set )(?P<tick>`?)(?P<name>[a-z]\w*(?:\.\w+)+|seed(?==))"
    + _VALUE
    + r"(?P=tick)(?![\w'/])"
)
_ARGUMENT = re.compile(r"`(?P<name>[a-z]\w*)(?:=(?P<value>[^`]+))?`")


def in_flags(text: str, flags: Sequence[Flag], *, is_fact: bool = False) -> str:
    """A part of a message with the command's flags for keys and arguments.

    Args:
        text: What the library says.
        flags: Those of the command.
        is_fact: Whether keys stay, each with its flag after it. Otherwise the text says what to
            type: a key without a flag of its own becomes `--set KEY=VALUE`.
    """
    by_key = {flag.key.path: flag for flag in flags if flag.key}
    by_name = {flag.text.strip("-").replace("-", "_"): flag for flag in flags}
    by_name |= {flag.name: flag for flag in flags}
    takes_any = any(flag.text == "--set" for flag in flags)

    def key(found: re.Match[str]) -> str:
        name, value = found["name"], found["value"]
        flag = by_key.get(name)
        if is_fact:
            return f"{found[0]} ({flag.text})" if flag and value is None else found[0]
        if flag and (value is None or _can_take(flag, value)):
            return _typed(flag, value)
        if takes_any and _is_key(name):
            return "--set " + _word(f"{name}={'…' if value is None else value}")
        return found[0]

    def argument(found: re.Match[str]) -> str:
        flag = by_name.get(found["name"])
        return _typed(flag, found["value"]) if flag else found[0]

    return _ARGUMENT.sub(argument, _KEY.sub(key, text))


def _typed(flag: Flag, value: str | None) -> str:
    return flag.text if value is None or flag.is_switch else f"{flag.text} {_word(value)}"


def _can_take(flag: Flag, value: str) -> bool:
    """Whether the flag takes this value as a recipe writes it."""
    if flag.is_switch:
        return value == "true"
    return value != "null" and not (flag.key and flag.key.read)


def _word(text: str) -> str:
    """Quoted for a shell where it has to be."""
    return text if re.fullmatch(r"[\w./=…:%+,'\"-]*", text) else shlex.quote(text)


def _is_key(name: str) -> bool:
    """Whether a recipe has this key, or keys below it."""
    from viewfinder.recipe import Recipe
    from viewfinder.recipe.keys import keys_of

    return any(f"{key.path}.".startswith(f"{name}.") for key in keys_of(Recipe))
