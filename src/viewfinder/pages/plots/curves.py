"""Metrics by epoch, and the loss by learning rate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import DataError, nearest
from viewfinder.pages.parts.words import counted, percent, short_name
from viewfinder.pages.plots.style import ACCENT, MUTED, SMALL_TEXT, STROKES, TEXT, chart, mark

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Values = NDArray[np.float64]

# In points: names of runs need more room at the right than "validation" does.
_RUN_MARGINS = (54, 118, 40, 40)
_LONGEST_NAME = 16
# Two lines of text, as a share of the height of the axes.
_LABEL_HEIGHT = 0.18


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a chart; `label` stands at its end, unless it is empty."""

    epochs: Values
    values: Values
    label: str
    colour: str
    dashes: Any = "-"
    width: float = 2.2

    @property
    def last(self) -> float:
        """The last finite value."""
        return float(self.values[np.isfinite(self.values)][-1])


def curves(
    history: "pd.DataFrame",
    metric: str,
    best_epoch: int | None = None,
    marks: Mapping[int, str] | None = None,
) -> "Figure":
    """Draw training and validation by epoch.

    Args:
        history: A row an epoch, with `epoch` (from 1), `metric` and, where there was validation,
            `val_` + `metric`; with `phase`, the switch between two phases is marked.
        metric: The column to draw, such as `"accuracy"` or `"loss"`.
        best_epoch: The epoch to mark, from 1.
        marks: Further epochs to mark, with a few words on each.

    Raises:
        DataError: The history has no such column.
    """
    if metric not in history or "epoch" not in history:
        raise DataError(
            f"The history has no column {metric!r}.",
            expected="the columns 'epoch' and the metric to draw",
            received=", ".join(map(str, history.columns)) or "no columns",
            remedy=nearest(metric, [str(name) for name in history.columns]),
        )
    lines = _lines(history, metric, "training", MUTED, dashes=(0, (3, 2)), width=1.6)
    lines += _lines(history, f"val_{metric}", "validation", ACCENT)
    figure, axes = chart(metric.capitalize(), "epoch")
    ends = _draw(axes, lines, metric)
    over = f"{metric.capitalize()} over {counted(len(history), 'epoch')}"
    known = {epoch: text for epoch, text in (marks or {}).items() if epoch in set(history["epoch"])}
    said = "".join(f"; epoch {epoch}: {text}" for epoch, text in known.items())
    figure.set_label(f"{over}: {', '.join(ends)}{said}.")
    if lines:
        _mark_best(axes, lines[-1], best_epoch)
        _mark_second_phase(axes, history)
        for number, (epoch, text) in enumerate(known.items(), start=1):
            _mark_from(axes, epoch, f"epoch {epoch}: {text}", number, colour=STROKES[1][0])
    return figure


def curves_of_runs(
    names: Sequence[str], histories: "Sequence[pd.DataFrame]", metric: str
) -> "Figure":
    """Draw the validation of several runs by epoch, and their training as thin lines.

    Args:
        names: The runs' names.
        histories: Their histories; see `curves`. A history without the metric gives no line.
        metric: The column to draw.
    """
    lines = []
    for index, (name, history) in enumerate(zip(names, histories, strict=True)):
        colour, dashes = STROKES[index % len(STROKES)]
        label = short_name(name, _LONGEST_NAME)
        lines += _lines(history, metric, "", colour, dashes=dashes, width=0.8)
        lines += _lines(history, f"val_{metric}", label, colour, dashes=dashes)
    figure, axes = chart(f"{metric.capitalize()}, validation", "epoch", _RUN_MARGINS)
    ends = _draw(axes, lines, metric)
    figure.set_label(f"Validation {metric} by epoch: {', '.join(ends)}.")
    return figure


def rate_curve(rates: Values, losses: Values, smoothed: Values, suggestion: float) -> "Figure":
    """Draw the outcome of a learning-rate range test.

    Args:
        rates: Rising, shape `(n,)`.
        losses: Each batch's loss, shape `(n,)`.
        smoothed: Their moving average, shape `(n,)`.
        suggestion: The rate to mark.
    """
    figure, axes = chart("Loss by learning rate", "learning rate", (54, 16, 46, 40))
    axes.plot(rates, losses, color=MUTED, linewidth=0.8, alpha=0.6)
    axes.plot(rates, smoothed, color=ACCENT, linewidth=1.8)
    mark(axes, suggestion, f"suggested: {suggestion:g}", linestyle=(0, (4, 2)))
    axes.set_xscale("log")
    # A loss that diverges would flatten the rest of the curve.
    low, start = float(losses.min()), float(smoothed[0])
    axes.set_ylim(low - 0.1 * (start - low), start + 0.6 * (start - low))
    figure.set_label(f"Loss by learning rate; the suggested rate is {suggestion:g}.")
    return figure


def spread(heights: Sequence[float], gap: float) -> Values:
    """Move labels as little as possible, so that all are `gap` apart and none leaves the axes.

    The least sum of squared moves is an isotonic regression of the heights less their due
    distances, clipped to the bounds (Barlow et al., *Statistical Inference under Order
    Restrictions*, 1972).

    Args:
        heights: From 0 to 1, the bottom and the top of the axes.
        gap: The least distance; without room for it, labels reach above the axes.

    Returns:
        The new heights, shape `(n,)`, in the order of `heights`.
    """
    moved = np.asarray(heights, np.float64)
    if len(moved):
        order = np.argsort(moved, kind="stable")
        due = gap * np.arange(len(moved))
        highest = max(0.0, 1.0 - due[-1])
        moved[order] = due + np.clip(_rising(moved[order] - due), 0.0, highest)
    return moved


def _rising(values: Values) -> Values:
    """Return the isotonic regression: neighbours out of order are replaced by their mean."""
    blocks: list[tuple[float, int]] = []
    for value in values.tolist():
        blocks.append((value, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (first, before), (second, after) = blocks[-2:]
            count = before + after
            blocks[-2:] = [((first * before + second * after) / count, count)]
    means, counts = zip(*blocks, strict=True)
    return np.repeat(np.asarray(means), counts)


def _lines(
    history: "pd.DataFrame", column: str, label: str, colour: str, **look: Any
) -> list[_Line]:
    """Return the line of a column, or nothing where the column lacks any finite value."""
    if column not in history:
        return []
    values = history[column].to_numpy(dtype=float)
    epochs = history["epoch"].to_numpy(dtype=float)
    return [_Line(epochs, values, label, colour, **look)] if np.isfinite(values).any() else []


def _draw(axes: "Axes", lines: Sequence[_Line], metric: str) -> list[str]:
    """Draw the lines and their labels; return in words where each labelled line ends."""
    if not lines:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "no finished epoch", transform=axes.transAxes, ha="center", color=MUTED)
        return ["no finished epoch"]
    for line in lines:
        # A line of one or two epochs is hard to see without its points.
        marker = "o" if len(line.epochs) < 3 else None
        axes.plot(
            line.epochs,
            line.values,
            color=line.colour,
            linestyle=line.dashes,
            linewidth=line.width,
            marker=marker,
            label=line.label or None,
            clip_on=False,
        )
    _limit(axes, np.concatenate([line.epochs for line in lines]), metric)
    return _label_ends(axes, [line for line in lines if line.label], metric)


def _limit(axes: "Axes", epochs: Values, metric: str) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    axes.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    if metric == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol="\N{NO-BREAK SPACE}%"))
        axes.set_ylim(max(low, 0.0), min(high, 1.0))
    else:
        axes.set_ylim(min(low, 0.0), high)


def _label_ends(axes: "Axes", lines: Sequence[_Line], metric: str) -> list[str]:
    """Write each line's name and last value beside its end."""
    low, high = axes.get_ylim()
    write = percent if metric == "accuracy" else "{:.3f}".format
    values = [write(line.last) for line in lines]
    gap = min(_LABEL_HEIGHT, 1 / max(1, len(lines) - 1))
    heights = spread([(line.last - low) / (high - low) for line in lines], gap)
    for line, value, height in zip(lines, values, heights, strict=True):
        axes.annotate(
            f"{line.label}\n{value}",
            (1.0, float(height)),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=TEXT,
            color=line.colour,
            parse_math=False,
            annotation_clip=False,
        )
    return [f"{line.label} ends at {value}" for line, value in zip(lines, values, strict=True)]


def _mark_best(axes: "Axes", line: _Line, best_epoch: int | None) -> None:
    value = line.values[line.epochs == best_epoch]
    if best_epoch is None or not np.isfinite(value).any():
        return
    mark(axes, best_epoch, f"kept: epoch {best_epoch}")
    axes.plot(
        [best_epoch], value[:1], "o", color=ACCENT, markersize=7, label="kept epoch", clip_on=False
    )


def _mark_second_phase(axes: "Axes", history: "pd.DataFrame") -> None:
    """Draw a line half an epoch before the first epoch of fine-tuning, where there is one."""
    if "phase" not in history:
        return
    second = history.loc[history["phase"] != history["phase"].iloc[0], "epoch"]
    if second.empty:
        return
    _mark_from(axes, float(second.iloc[0]) - 0.5, "fine-tuning →", 0)


def _mark_from(axes: "Axes", at: float, text: str, line: int, colour: str = MUTED) -> None:
    """Draw a vertical line, with a text near the bottom, so many lines above the others."""
    axes.axvline(at, color=colour, linewidth=1.2, zorder=1, clip_on=False)
    left, right = axes.get_xlim()
    is_right = at > (left + right) / 2
    axes.annotate(
        text,
        (at, 0.0),
        xycoords=("data", "axes fraction"),
        xytext=(-4 if is_right else 4, 4 + 13 * line),
        textcoords="offset points",
        ha="right" if is_right else "left",
        fontsize=SMALL_TEXT,
        color=colour,
    )
