"""Messages and progress bars on stderr."""

import textwrap
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

Item = TypeVar("Item")

# Shorter work is not reported.
_REPORTED_S = 1.0
_BETWEEN_LINES_S = 15.0


class Progress:
    """Prints messages, and bars with an ETA on a terminal or in a notebook.

    Args:
        verbosity: 0 prints nothing, 1 messages and bars, 2 details too.
    """

    def __init__(self, verbosity: int = 1) -> None:
        self.verbosity = verbosity
        self._console: Console | None = None
        self._printed: set[str] = set()

    @property
    def console(self) -> "Console":
        """Rich's console on stderr."""
        if self._console is None:
            from viewfinder.core.console import SafeConsole

            self._console = SafeConsole(
                stderr=True, highlight=False, emoji=False, quiet=self.verbosity == 0
            )
        return self._console

    @property
    def is_live(self) -> bool:
        """Whether bars can be drawn."""
        return self.verbosity > 0 and (self.console.is_terminal or self.console.is_jupyter)

    def say(self, text: str, *, style: str | None = None) -> None:
        """Print a line, on a terminal wrapped between words; `text` is not read as Rich markup."""
        if self.verbosity > 0:
            if self.console.is_terminal:
                text = "\n".join(_wrapped(line, self.console.width) for line in text.split("\n"))
            self.console.print(text, style=style, markup=False, soft_wrap=True)

    def say_once(self, text: str, *, style: str | None = None) -> None:
        """Print a line unless this object has printed it before."""
        if text not in self._printed:
            self._printed.add(text)
            self.say(text, style=style)

    def detail(self, text: str) -> None:
        """Print a line at verbosity 2."""
        if self.verbosity > 1:
            self.say(text, style="dim")

    def track(self, items: Iterable[Item], description: str, total: int) -> Iterator[Item]:
        """Yield the items while showing their count and the remaining time."""
        if self.is_live:
            yield from self._bar(items, description, total)
            return
        started = time.perf_counter()
        yield from items
        seconds = time.perf_counter() - started
        if seconds > _REPORTED_S:
            self.say(f"{description}: {total:,} in {seconds:.1f} s")

    def _bar(self, items: Iterable[Item], description: str, total: int) -> Iterator[Item]:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        from viewfinder.core.console import visible

        # Results go to stdout as they come; Rich would print them here, on stderr.
        bars = Progress(*columns, console=self.console, transient=True, redirect_stdout=False)
        with bars:
            yield from bars.track(items, total=total, description=visible(description))


def _wrapped(line: str, width: int) -> str:
    """The line wrapped between words; a longer word, such as a path to be copied, stays whole."""
    return textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)


class Transfer:
    """Shows the progress of a download.

    Args:
        progress: Prints it.
        name: The file's name.
        total: The file's length in bytes, if known.
        done: The bytes that an earlier attempt has received.
    """

    def __init__(self, progress: Progress, name: str, total: int | None, done: int = 0) -> None:
        self.progress = progress
        self.name = name
        self.total = total
        self.done = done
        self._stack = ExitStack()
        self._started = self._printed = time.perf_counter()
        self._before = done

    def __enter__(self) -> "Transfer":
        if self.progress.is_live:
            from rich.progress import (
                BarColumn,
                DownloadColumn,
                TextColumn,
                TimeRemainingColumn,
                TransferSpeedColumn,
            )
            from rich.progress import Progress as Bars

            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
            )
            self._bars = Bars(*columns, console=self.progress.console, transient=True)
            self._task = self._bars.add_task(self.name, total=self.total, completed=self.done)
            self._stack.enter_context(self._bars)
        return self

    def advance(self, count: int) -> None:
        """Add received bytes."""
        self.done += count
        if self.progress.is_live:
            self._bars.update(self._task, completed=self.done)
        elif self.done != self.total and time.perf_counter() - self._printed > _BETWEEN_LINES_S:
            self._printed = time.perf_counter()
            self.progress.say(f"{self.name}: {self._so_far()}{self._eta()}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        seconds = time.perf_counter() - self._started
        if kind is None and seconds > _REPORTED_S:
            self.progress.say(f"{self.name}: {self._so_far()} in {seconds:.0f} s")

    def _so_far(self) -> str:
        total = f" of {self.total / 1e6:,.1f}" if self.total and self.done < self.total else ""
        return f"{self.done / 1e6:,.1f}{total} MB"

    def _eta(self) -> str:
        received = self.done - self._before
        if not self.total or not received:
            return ""
        left_s = (self.total - self.done) * (time.perf_counter() - self._started) / received
        return f", about {left_s:.0f} s more"
