"""Both curves of a training, as lines under its bar."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from viewfinder.training.sparkline import sparkline

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

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
