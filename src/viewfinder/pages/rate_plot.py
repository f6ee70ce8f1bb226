"""The loss against the learning rate, as a Matplotlib `Figure`."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewfinder.pages.plots import ACCENT, INK, MUTED, PAPER, RULE

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def rate_curve(
    rates: NDArray[np.float64],
    losses: NDArray[np.float64],
    smoothed: NDArray[np.float64],
    suggestion: float,
) -> "Figure":
    """What a range test has seen: each batch's loss, its average, and the suggested rate.

    Args:
        rates: Rising, shape (n,).
        losses: Each batch's loss, shape (n,).
        smoothed: Their average, shape (n,).
        suggestion: The rate to mark.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.8), dpi=150, layout="constrained", facecolor=PAPER)
    axes = figure.add_subplot()
    axes.plot(rates, losses, color=MUTED, linewidth=0.8, alpha=0.6)
    axes.plot(rates, smoothed, color=ACCENT, linewidth=1.8)
    axes.axvline(suggestion, color=INK, linewidth=0.8, linestyle=(0, (4, 2)))
    axes.annotate(
        f"suggested: {suggestion:g}",
        (suggestion, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        fontsize=8,
        color=INK,
    )
    axes.set_xscale("log")
    # A loss that diverges would press the rest of the curve flat.
    low, start = float(losses.min()), float(smoothed[0])
    axes.set_ylim(low - 0.1 * (start - low), start + 0.6 * (start - low))
    axes.set_title("Loss by learning rate", loc="left", color=INK, fontweight="bold", pad=20)
    axes.set_xlabel("learning rate", color=MUTED)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.tick_params(colors=MUTED)
    return figure
