"""The display of a training: a progress bar, a line for each epoch, and curves as sparklines."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.core.progress import Progress
from viewfinder.training.adapters import Logs

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

_KINDS = {"training": "", "validation": "val_"}
_METRICS = ("accuracy", "loss")
# The columns of a line that are not sparkline: names, figures and the space between them.
_TEXT_WIDTH = len("validation accuracy  0.0000   loss  0.0000")
_MIN_WIDTH, _MAX_WIDTH = 4, 48

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-:=+*#"
_NOT_FINITE = "!"


class TrainingProgress(keras.callbacks.Callback):
    """Shows a bar with ETA, metrics and curves on a terminal; prints a line for each epoch.

    Args:
        progress: Prints the lines, and has the terminal.
        epochs: Epochs of the whole training.
        steps: Batches in an epoch.
        done: Batches done before the training was resumed.
    """

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

    @override
    def on_train_begin(self, logs: Logs | None = None) -> None:
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

    @override
    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._began = time.perf_counter()
        if self._bar:
            self._bar.update(self._task, description=f"Epoch {epoch + 1}/{self._epochs}")

    @override
    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._bar:
            metrics = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
            self._bar.update(self._task, advance=1, metrics=metrics)

    @override
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
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
        """Remove the bar."""
        if self._live:
            self._live.stop()


class LiveCurves:
    """A Rich renderable: a line for training and one for validation, each with both metrics.

    Both lines draw a metric on the same scale, so that a gap between them is visible.
    """

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def add(self, logs: Mapping[str, float]) -> None:
        """Append the metrics of an epoch."""
        for name, value in logs.items():
            self._values.setdefault(name, []).append(float(value))

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[Text]":
        from rich.text import Text

        width = min((options.max_width - _TEXT_WIDTH) // 2, _MAX_WIDTH)
        if width < _MIN_WIDTH or not self._values:
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


def sparkline(
    values: Sequence[float],
    width: int,
    bounds: tuple[float, float] | None = None,
    *,
    plain: bool = False,
) -> str:
    """Draw the values from left to right, each as a block of its height.

    Args:
        values: The curve; NaN and infinities are drawn as "!".
        width: The maximum number of characters. A longer curve is averaged in as many parts.
        bounds: The values of the lowest and the highest block; by default the curve's own.
        plain: Whether to use ASCII only.
    """
    curve = np.asarray(values, np.float64)
    finite = curve[np.isfinite(curve)]
    if not len(curve) or width < 1:
        return ""
    if bounds is None:
        bounds = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    low, high = bounds
    signs = _ASCII if plain else _BLOCKS
    shrunk = _shrunk(curve, width)
    shares = (shrunk - low) / (high - low) if high > low else 0 * shrunk
    heights = np.clip(np.nan_to_num(shares, nan=0.0) * len(signs), 0, len(signs) - 1).astype(int)
    return "".join(
        signs[height] if np.isfinite(share) else _NOT_FINITE
        for height, share in zip(heights, shares, strict=True)
    )


def _shrunk(curve: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    if len(curve) <= width:
        return curve
    return np.array([part.mean() for part in np.array_split(curve, width)])
