"""The curves of several runs in one PNG file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from viewfinder.core.files import written_whole
from viewfinder.evaluation.comparison.paired import RunRecord
from viewfinder.pages.plots import ACCENT, INK, MUTED, PAPER, RULE, short_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colour-blind safe, and each with a dash of its own, so that grey paper tells them apart.
STROKES = (
    (ACCENT, ""),
    ("#b4500b", "7 3"),
    ("#3d7a2f", "2 3"),
    ("#8a3a8f", "9 3 2 3"),
    (INK, "4 2"),
)


def write_curves(records: Sequence[RunRecord], path: Path) -> None:
    """Write accuracy and loss of every run's validation, training thin beside it, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.4), layout="constrained", facecolor=PAPER, dpi=150)
    left, right = figure.subplots(1, 2)
    for axes, metric in ((left, "accuracy"), (right, "loss")):
        _draw(axes, records, metric)
    handles, labels = left.get_legend_handles_labels()
    legend = figure.legend(
        handles, labels, loc="outside lower left", ncols=3, frameon=False, labelcolor=INK
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    with written_whole(path) as temporary:
        figure.savefig(temporary)


def _draw(axes: "Axes", records: Sequence[RunRecord], metric: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.grid(axis="y", color=RULE)
    axes.tick_params(colors=MUTED, length=0)
    axes.set_title(metric.capitalize(), loc="left", color=INK, fontweight="bold")
    axes.set_xlabel("epoch (thin: training)", color=MUTED)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    for number, record in enumerate(records):
        colour, dash = STROKES[number % len(STROKES)]
        style = (0, tuple(float(part) for part in dash.split())) if dash else "-"
        history = record.history
        marker = "o" if len(history) < 3 else None
        for column, width in ((f"val_{metric}", 2.2), (metric, 0.8)):
            if column not in history:
                continue
            label = short_name(record.name) if column.startswith("val_") else None
            values = np.asarray(history[column], np.float64)
            axes.plot(
                history["epoch"],
                values,
                color=colour,
                linestyle=style,
                linewidth=width,
                marker=marker,
                label=label,
            )
