"""The figures of a run as Matplotlib `Figure` objects.

No function touches pyplot or any other process-wide state, so they work in notebooks, in threads
and without a screen. One accent colour carries the meaning; everything else is grey, so that the
figures read the same to colour-blind eyes and on a black-and-white printer.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from viewfinder.core.errors import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1b2430"
MUTED = "#6b7684"
RULE = "#e3e7ec"
PAPER = "#ffffff"
ACCENT = "#0b5fc0"

_MOST_COUNTS = 20
_MOST_NAMES = 120
_LONGEST_NAME = 24


def curves(history: "pd.DataFrame", metric: str, best_epoch: int | None = None) -> "Figure":
    """Training against validation, by epoch.

    Args:
        history: A row an epoch, with `epoch` (from 1), `metric` and, where there was validation,
            `val_` + `metric`; with `phase`, the switch between two phases is marked.
        metric: The column to draw, such as `"accuracy"` or `"loss"`.
        best_epoch: The epoch to mark, from 1.

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
    figure = _figure(7.2, 3.8)
    axes = _plain_axes(figure)
    lines = [(metric, "training", MUTED, (0, (4, 2))), (f"val_{metric}", "validation", ACCENT, "-")]
    epochs = history["epoch"].to_numpy()
    drawn = [line for line in lines if line[0] in history]
    for column, label, colour, style in drawn:
        values = history[column].to_numpy(dtype=float)
        # A single epoch is a point, which a line alone would not show.
        marker = "o" if len(epochs) < 3 else None
        axes.plot(epochs, values, color=colour, linestyle=style, marker=marker, label=label)
    axes.set_title(metric.capitalize(), loc="left", color=INK, fontweight="bold", pad=20)
    axes.set_xlabel("epoch", color=MUTED)
    _epoch_axis(axes, epochs)
    if len(epochs):
        _label_ends(axes, [(history[c].to_numpy(dtype=float), n, k) for c, n, k, _ in drawn])
        _mark_best(axes, history, drawn[-1][0], best_epoch)
        _mark_switch(axes, phase_switch(history))
    else:
        axes.text(0.5, 0.5, "no finished epoch", transform=axes.transAxes, ha="center", color=MUTED)
    return figure


def confusion_matrix(confusion: ArrayLike, classes: Sequence[str]) -> "Figure":
    """What was said of what: colour is the share of a row, the text is the count.

    Args:
        confusion: Counts, shape `(k, k)`; the row is the true class, the column the answer.
        classes: The k names. Counts are written up to 20 classes, names up to 120.

    Raises:
        DataError: The matrix is not square, or does not fit the names.
    """
    from matplotlib.colors import LinearSegmentedColormap

    counts = np.asarray(confusion)
    size = len(classes)
    if size == 0 or counts.shape != (size, size):
        raise DataError(
            "The confusion matrix does not fit the class names.",
            expected=f"shape ({size}, {size}) for {size} classes, at least one",
            received=f"shape {counts.shape}",
        )
    shares = row_shares(counts)
    side = float(np.clip(2.4 + 0.62 * size, 4.2, 12.0))
    figure = _figure(side, side)
    axes = figure.add_subplot()
    shades = LinearSegmentedColormap.from_list("accent", [PAPER, "#8db8ea", ACCENT, "#062e63"])
    axes.imshow(shares, cmap=shades, vmin=0, vmax=1, interpolation="nearest")
    _name_axes(axes, classes, per_cell=(side - 2.0) * 72 / size)
    if size <= _MOST_COUNTS:
        _write_counts(axes, counts, shares, per_cell=(side - 2.0) * 72 / size)
    return figure


def picture_grid(
    pictures: Sequence[NDArray[np.uint8] | None], captions: Sequence[str], columns: int = 5
) -> "Figure":
    """Pictures in rows, each over its caption; None becomes a grey placeholder.

    Args:
        pictures: uint8, `(height, width, 3)` or `(height, width)`, 0 to 255; sizes may differ.
        captions: One for each picture, of up to a few lines.
        columns: How many pictures a row has, at least 1.

    Raises:
        DataError: There are not as many captions as pictures, or `columns` is not positive.
    """
    if len(pictures) != len(captions) or columns < 1:
        raise DataError(
            "The grid cannot be laid out.",
            expected="a caption for each picture, and one column or more",
            received=f"{len(pictures)} pictures, {len(captions)} captions, {columns} columns",
        )
    rows = max(1, math.ceil(len(pictures) / columns))
    lines = max((caption.count("\n") + 1 for caption in captions), default=1)
    cell = 1.85 + 0.15 * lines
    figure = _figure(1.9 * columns, cell * rows)
    # Cells of known size need no layout engine, which takes seconds for a hundred pictures.
    figure.set_layout_engine("none")
    if not pictures:
        figure.text(0.5, 0.5, "nothing to show", ha="center", va="center", color=MUTED)
    for place, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        row, column = divmod(place, columns)
        bottom = 1 - (row + 1.78 / cell) / rows
        box = ((column + 0.04) / columns, bottom, 0.92 / columns, 1.7 / (cell * rows))
        axes = figure.add_axes(box)
        axes.set_anchor("S")  # pictures of a row stand on one line, their captions below it
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        _show(axes, picture)
        axes.set_xlabel(caption, fontsize=8, color=INK, parse_math=False)
    return figure


def row_shares(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Each row divided by its sum, `(k, k)`, 0 to 1; a row without pictures stays zero."""
    sums = counts.sum(axis=1, keepdims=True)
    shares = np.zeros(counts.shape, np.float64)
    np.divide(counts, sums, out=shares, where=sums > 0)
    return shares


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Move heights apart, around their common middle, until neighbours are `gap` apart.

    Labels at the ends of two lines would lie on one another where the lines meet.
    """
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    moved = list(heights)
    for below, above in pairwise(order):
        lacking = gap - (moved[above] - moved[below])
        if lacking > 0:
            moved[below] -= lacking / 2
            moved[above] += lacking / 2
    return moved


def short_name(text: str, longest: int = _LONGEST_NAME) -> str:
    """A name that any font can draw on one line: the middle of a long one is left out."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    clean = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in clean
    )
    if len(clean) <= longest:
        return clean
    head = (longest - 1) // 2
    return f"{clean[:head]}…{clean[-(longest - 1 - head) :]}"


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor=PAPER, dpi=150)


def _plain_axes(figure: "Figure") -> "Axes":
    axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.grid(axis="y", color=RULE)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, length=0)
    return axes


def _epoch_axis(axes: "Axes", epochs: NDArray[Any]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1))
    if len(epochs):
        first, last = int(epochs.min()), int(epochs.max())
        margin = max(0.5, 0.02 * (last - first))
        axes.set_xlim(first - 0.5, last + margin)


def _label_ends(axes: "Axes", lines: Sequence[tuple[NDArray[np.float64], str, str]]) -> None:
    """Write each line's name beside its last finite value."""
    low, high = axes.get_ylim()
    ends = [(values[np.isfinite(values)], name, colour) for values, name, colour in lines]
    ends = [end for end in ends if len(end[0])]
    heights = spread([float(values[-1]) for values, _, _ in ends], 0.075 * (high - low))
    for height, (values, name, colour) in zip(heights, ends, strict=True):
        axes.annotate(
            f"{name} {values[-1]:.3f}",
            (1.0, height),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            annotation_clip=False,
        )


def _mark_best(axes: "Axes", history: "pd.DataFrame", column: str, best_epoch: int | None) -> None:
    row = history.loc[history["epoch"] == best_epoch, column]
    if best_epoch is None or row.empty or not np.isfinite(row.iloc[0]):
        return
    axes.axvline(best_epoch, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    axes.plot([best_epoch], [row.iloc[0]], "o", color=ACCENT, markersize=7, label="kept epoch")
    axes.annotate(
        f"kept: epoch {best_epoch}",
        (best_epoch, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        fontsize=8,
        color=MUTED,
    )


def phase_switch(history: "pd.DataFrame") -> float | None:
    """Where a training's second phase begins: half an epoch before its first; None without one."""
    if "phase" not in history or history.empty:
        return None
    second = history.loc[history["phase"] != history["phase"].iloc[0], "epoch"]
    return None if second.empty else float(second.iloc[0]) - 0.5


def _mark_switch(axes: "Axes", place: float | None) -> None:
    if place is None:
        return
    axes.axvline(place, color=MUTED, linewidth=1.2, zorder=1)
    axes.annotate(
        "fine-tuning →",
        (place, 0.0),
        xycoords=("data", "axes fraction"),
        xytext=(4, 4),
        textcoords="offset points",
        fontsize=8,
        color=MUTED,
    )


def _name_axes(axes: "Axes", classes: Sequence[str], per_cell: float) -> None:
    """Label rows and columns; with very many classes, only every n-th."""
    axes.set_ylabel("true class", color=MUTED)
    axes.set_xlabel("answer", color=MUTED)
    axes.xaxis.set_label_position("top")
    axes.tick_params(top=True, bottom=False, labeltop=True, labelbottom=False, length=0)
    axes.spines[:].set_color(RULE)
    places = range(0, len(classes), math.ceil(len(classes) / _MOST_NAMES))
    names = [short_name(classes[place]) for place in places]
    upright = max(map(len, names)) * 6 > per_cell
    size = float(np.clip(per_cell * 0.75, 4.5, 10))
    axes.set_xticks(places, names, rotation=90 if upright else 0, fontsize=size, color=INK)
    axes.set_yticks(places, names, fontsize=size, color=INK)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)


def _write_counts(
    axes: "Axes", counts: NDArray[Any], shares: NDArray[np.float64], per_cell: float
) -> None:
    digits = len(str(counts.max()))
    size = float(np.clip(1.3 * per_cell / max(digits, 2), 5, 13))
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = PAPER if shares[row, column] > 0.55 else INK
            axes.text(
                column, row, f"{count}", ha="center", va="center", color=colour, fontsize=size
            )


def _show(axes: "Axes", picture: NDArray[np.uint8] | None) -> None:
    if picture is None:
        axes.imshow(np.full((1, 1, 3), 235, np.uint8))
        axes.text(0, 0, "file has gone", ha="center", va="center", fontsize=8, color=MUTED)
    else:
        smoothing = "nearest" if max(picture.shape[:2]) <= 64 else "antialiased"
        axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation=smoothing)
