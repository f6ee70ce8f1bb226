"""A curve on one line of text."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray

from viewfinder.core.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

Logs = dict[str, float]

_BLOCKS = "▁▂▃▄▅▆▇█"
_PLAIN = "_.-:=+*#"
_BROKEN = "!"


def sparkline(
    values: Sequence[float],
    width: int,
    bounds: tuple[float, float] | None = None,
    *,
    plain: bool = False,
) -> str:
    """The values from left to right, each as a block of its height.

    Args:
        values: The curve; what is no number becomes "!".
        width: The most characters. Of a longer curve, neighbours are averaged.
        bounds: What the lowest and the highest block stand for; by default the curve's own.
        plain: Whether to use ASCII only.
    """
    curve = np.asarray(values, np.float64)
    finite = curve[np.isfinite(curve)]
    if not len(curve) or width < 1:
        return ""
    if bounds is None:
        bounds = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    low, high = bounds
    signs = _PLAIN if plain else _BLOCKS
    shares = (
        (_shrunk(curve, width) - low) / (high - low) if high > low else 0 * _shrunk(curve, width)
    )
    places = np.clip(np.nan_to_num(shares, nan=0.0) * len(signs), 0, len(signs) - 1).astype(int)
    return "".join(
        signs[place] if np.isfinite(share) else _BROKEN
        for place, share in zip(places, shares, strict=True)
    )


def _shrunk(curve: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    if len(curve) <= width:
        return curve
    return np.array([part.mean() for part in np.array_split(curve, width)])


_KINDS = {"training": "", "validation": "val_"}
_METRICS = ("accuracy", "loss")
# What stands in a line beside its two sparklines: names, figures and the space between them.
_WORDS = len("validation accuracy  0.0000   loss  0.0000")
_NARROWEST, _WIDEST = 4, 48


class LiveCurves:
    """What Rich draws: a line for training, a line for validation, each with both metrics.

    A metric has one scale for both lines, so that a gap is seen as a gap.
    """

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def add(self, logs: Mapping[str, float]) -> None:
        """An epoch has ended with these metrics."""
        for name, value in logs.items():
            self._values.setdefault(name, []).append(float(value))

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[Text]":
        from rich.text import Text

        width = min((options.max_width - _WORDS) // 2, _WIDEST)
        if width < _NARROWEST or not self._values:
            return
        for kind, prefix in _KINDS.items():
            parts = [
                f"{metric} {self._line(prefix + metric, metric, width, options.ascii_only)}"
                for metric in _METRICS
                if prefix + metric in self._values
            ]
            if parts:
                line = Text(f"{kind:<10} {'   '.join(parts)}", no_wrap=True, overflow="crop")
                line.stylize("dim" if kind == "training" else "cyan")
                yield line

    def _line(self, name: str, metric: str, width: int, plain: bool) -> str:
        values = self._values[name]
        both = [*self._values.get(metric, []), *self._values.get(f"val_{metric}", [])]
        finite = [value for value in both if np.isfinite(value)]
        bounds = (min(finite), max(finite)) if finite else None
        drawn = sparkline(values, width, bounds, plain=plain)
        longest = min(len(values), width)
        return f"{drawn:<{longest}} {values[-1]:.4f}"


class TrainingProgress(keras.callbacks.Callback):
    """A bar with ETA, live metrics and both curves on a terminal; a line an epoch everywhere."""

    def __init__(self, progress: Progress, epochs: int, steps: int, *, done: int = 0) -> None:
        super().__init__()
        self._progress = progress
        self._done = done
        self._epochs = epochs
        self._steps = steps
        self._began = 0.0
        self._bar: Any = None
        self._task: Any = None
        self._live: Any = None
        self._curves = LiveCurves()

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Draw the bar."""
        if not self._progress.is_live:
            return
        from rich.console import Group
        from rich.live import Live
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.fields[metrics]}"),
            console=self._progress.console,
        )
        self._task = self._bar.add_task(
            "Training", total=self._epochs * self._steps, completed=self._done, metrics=""
        )
        self._live = Live(
            Group(self._bar, self._curves), console=self._progress.console, transient=True
        )
        self._live.start()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Name the epoch."""
        self._began = time.perf_counter()
        if self._bar:
            self._bar.update(self._task, description=f"Epoch {epoch + 1}/{self._epochs}")

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Move the bar on."""
        if self._bar:
            metrics = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
            self._bar.update(self._task, advance=1, metrics=metrics)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Leave a line that stays."""
        seconds = time.perf_counter() - self._began
        width = len(str(self._epochs))
        metrics = "  ".join(
            f"{name} {value:.4f}" for name, value in (logs or {}).items() if name != "learning_rate"
        )
        self._curves.add(logs or {})
        self._progress.say(
            f"Epoch {epoch + 1:>{width}}/{self._epochs}  {seconds:5.1f} s  {metrics}"
        )

    def close(self) -> None:
        """Take the bar away, however the training has ended."""
        if self._live:
            self._live.stop()
