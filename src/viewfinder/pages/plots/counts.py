"""Counts as figures: the confusion matrix and histograms."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from viewfinder.core.errors import DataError
from viewfinder.pages.parts.words import counted, percent, short_name
from viewfinder.pages.plots.style import ACCENT, INK, MUTED, RAISED, chart, figure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_COUNTS = 20
_MOST_NAMES = 120
_BINS = 24
# The colour of a cell that holds its whole row; cells with a smaller share are more transparent.
# White on cells beyond `_DEEP` and ink on others can be read in light and in dark, so that cells
# need no theme.
_CELL = (0.10, 0.40, 0.77)
_ON_DEEP = "#ffffff"
_DEEP = 0.55


def confusion_matrix(confusion: ArrayLike, classes: Sequence[str]) -> "Figure":
    """Draw how many pictures of each class were given which answer.

    The depth of a cell rises with its share of the row, to the power of 0.4: that lifts rare
    mistakes above the background.

    Args:
        confusion: Counts, shape `(k, k)`; the row is the true class, the column the answer.
        classes: The k names. Counts are written up to 20 classes, names up to 120.

    Raises:
        DataError: The matrix is not square, or does not fit the names.
    """
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    counts = np.asarray(confusion)
    size = len(classes)
    if size == 0 or counts.shape != (size, size):
        raise DataError(
            "The confusion matrix does not fit the class names.",
            expected=f"shape ({size}, {size}) for {size} classes, at least one",
            received=f"shape {counts.shape}",
        )
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(2.4 + 0.62 * size, 4.2, 12.0))
    per_cell = (side - 2.0) * 72 / size
    figure = figure_of(side, side)
    axes = figure.add_subplot()
    axes.set_facecolor(RAISED)
    shades = LinearSegmentedColormap.from_list("cell", [(*_CELL, 0.0), (*_CELL, 1.0)])
    axes.imshow(shares, cmap=shades, norm=PowerNorm(0.4, 0, 1), interpolation="none", clip_on=False)
    _name_axes(axes, classes, per_cell)
    if size <= _MOST_COUNTS:
        _write_counts(axes, counts, shares, per_cell)
    right, total = int(np.trace(counts)), int(counts.sum())
    figure.set_label(
        f"Confusion matrix of {counted(size, 'class', 'classes')}: {right} of "
        f"{counted(total, 'picture')} ({percent(right / max(1, total))}) lie on the diagonal."
    )
    return figure


def histogram(title: str, values: NDArray[np.float64], unit: str, digits: int) -> "Figure":
    """Draw how often each value occurs, over a logarithmic axis.

    Args:
        title: What is counted.
        values: Above 0, shape `(n,)`.
        unit: What follows a value, such as `" pixels"`, or "".
        digits: Decimal places of values.
    """
    from matplotlib.ticker import MaxNLocator

    figure, axes = chart(title, unit.strip(), (54, 16, 40, 40))
    edges = bin_edges(values)
    axes.hist(values, bins=edges.tolist(), color=ACCENT, rwidth=0.92, clip_on=False)
    axes.set_xscale("log")
    axes.set_xlim(edges[0], edges[-1])
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ticks = edges[:: max(1, (len(edges) - 1) // 4)]
    axes.set_xticks(ticks, [f"{tick:.{digits}f}" for tick in ticks])
    axes.minorticks_off()
    low, middle, high = (f"{value:.{digits}f}" for value in np.quantile(values, (0, 0.5, 1)))
    figure.set_label(f"{title}: from {low}{unit} to {high}{unit}, the median is {middle}{unit}.")
    return figure


def bin_edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return edges of bins of equal ratio, so that half and double are equally far apart.

    Args:
        values: Above 0, shape `(n,)`; where they are all alike, there is one bin.
    """
    low, high = float(values.min()), float(values.max())
    if high / low < 1.02:
        return np.array([low * 0.98, high * 1.02])
    return np.geomspace(low, high * (1 + 1e-9), _BINS + 1)


def _name_axes(axes: "Axes", classes: Sequence[str], per_cell: float) -> None:
    """Label rows and columns; with very many classes, only every n-th."""
    axes.set_ylabel("true class", color=MUTED)
    axes.set_xlabel("answer", color=MUTED, labelpad=8)
    axes.xaxis.set_label_position("top")
    axes.tick_params(top=False, bottom=False, left=False, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    named = range(0, len(classes), math.ceil(len(classes) / _MOST_NAMES))
    names = [short_name(classes[index]) for index in named]
    upright = max(map(len, names)) * 6 > per_cell
    look: dict[str, Any] = {
        "fontsize": float(np.clip(per_cell * 0.75, 4.5, 10)),
        "color": INK,
        "parse_math": False,
    }
    axes.set_xticks(named, names, rotation=90 if upright else 0, **look)
    axes.set_yticks(named, names, **look)


def _write_counts(
    axes: "Axes", counts: NDArray[Any], shares: NDArray[np.float64], per_cell: float
) -> None:
    digits = len(str(counts.max()))
    size = float(np.clip(1.3 * per_cell / max(digits, 2), 5, 13))
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = _ON_DEEP if shares[row, column] > _DEEP else INK
            axes.text(
                column, row, f"{count}", ha="center", va="center", color=colour, fontsize=size
            )
