"""How far a download is: a bar with its speed and ETA on a terminal, else a line now and then."""

import time
from contextlib import ExitStack
from types import TracebackType

from viewfinder.progress import Progress

_BETWEEN_LINES_S = 15.0
_WORTH_SAYING_S = 1.0


class Transfer:
    """Shows the bytes of one file coming in.

    Args:
        progress: Where it is shown.
        name: The file's.
        total: Its length, if known.
        done: What of it is there already.
    """

    def __init__(self, progress: Progress, name: str, total: int | None, done: int = 0) -> None:
        self.progress = progress
        self.name = name
        self.total = total
        self.done = done
        self._stack = ExitStack()
        self._started = self._said = time.perf_counter()
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
        """Note that so many more bytes are there."""
        self.done += count
        if self.progress.is_live:
            self._bars.update(self._task, completed=self.done)
        elif self.done != self.total and time.perf_counter() - self._said > _BETWEEN_LINES_S:
            self._said = time.perf_counter()
            self.progress.say(f"{self.name}: {self._so_far()}{self._eta()}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        seconds = time.perf_counter() - self._started
        if kind is None and seconds > _WORTH_SAYING_S:
            self.progress.say(f"{self.name}: {self._so_far()} in {seconds:.0f} s")

    def _so_far(self) -> str:
        of = f" of {self.total / 1e6:,.1f}" if self.total and self.done < self.total else ""
        return f"{self.done / 1e6:,.1f}{of} MB"

    def _eta(self) -> str:
        came = self.done - self._before
        if not self.total or not came:
            return ""
        left_s = (self.total - self.done) * (time.perf_counter() - self._started) / came
        return f", about {left_s:.0f} s more"
