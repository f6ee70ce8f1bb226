"""The terminal: Rich's console, on which names from outside cannot control anything."""

import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from typing_extensions import override

# Controls but tab and newline, line separators, bidirectional overrides, and bytes of file names
# that are not UTF-8.
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_UNSEEN, _UNSEEN_IN_LINE = re.compile(f"[{_CONTROLS}]"), re.compile(f"[\n{_CONTROLS}]")


def visible(line: str) -> str:
    """Return a line in which control characters are written as escapes, such as `\\x1b`."""
    return _escaped(_UNSEEN_IN_LINE, line)


def _escaped(unseen: re.Pattern[str], text: str) -> str:
    return unseen.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class SafeConsole(Console):
    """A console that prints control characters of texts as escapes.

    Names of files and classes come from strangers' archives; raw, they could move the cursor,
    recolour or hide what a command prints, or add lines to it. A `str` is one line.
    """

    @override
    def print(self, *objects: Any, **options: Any) -> None:
        lines = [visible(one) if isinstance(one, str) else one for one in objects]
        super().print(*lines, **options)

    @override
    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else _escaped(_UNSEEN, text), style, control)

    @override
    def on_broken_pipe(self) -> None:
        raise  # BrokenPipeError, which is being handled; Rich would exit with 1
