"""The palette of all figures, and figures that have no content yet."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#16202b"
MUTED = "#56616e"
RULE = "#dfe3e8"
RAISED = "#f4f5f6"
ACCENT = "#0b5fc0"
PAPER = "#ffffff"

# Told apart by colour-blind eyes; each has its own dashes, so that grey paper tells them apart too.
STROKES = (
    (ACCENT, "-"),
    ("#b4500b", (0, (3, 1.5))),
    ("#3d7a2f", (0, (1, 1.5))),
    ("#8a3a8f", (0, (4, 1.5, 1, 1.5))),
    (INK, (0, (2, 1))),
)

# The variables of `page.css` with the same values in its light theme.
VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--soft)",
    RULE: "var(--rule)",
    RAISED: "var(--raised)",
    ACCENT: "var(--accent)",
    "#b4500b": "var(--second)",
    "#3d7a2f": "var(--third)",
    "#8a3a8f": "var(--fourth)",
}

_DPI = 150
# A chart in points: its size, and the margins at its left, right, top and bottom.
_WIDTH, _HEIGHT = 440, 280
_MARGINS = (54, 88, 40, 40)
TEXT = 11.5
SMALL_TEXT = 10


def figure_of(width: float, height: float) -> "Figure":
    """Return an empty figure of this size in inches, laid out by its content."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor=PAPER, dpi=_DPI)


def chart(title: str, across: str, margins: Sequence[float] = _MARGINS) -> tuple["Figure", "Axes"]:
    """Return a figure with one plain pair of axes.

    The margins are fixed, so that charts side by side align; a layout engine would also double the
    time that drawing takes.

    Args:
        title: Stands at the top left.
        across: What the horizontal axis shows.
        margins: Left, right, top and bottom, in points.
    """
    left, right, top, bottom = margins
    figure = figure_of(_WIDTH / 72, _HEIGHT / 72)
    figure.set_layout_engine("none")
    width, height = _WIDTH - left - right, _HEIGHT - top - bottom
    axes = figure.add_axes(
        (left / _WIDTH, bottom / _HEIGHT, width / _WIDTH, height / _HEIGHT), facecolor="none"
    )
    plain(axes)
    figure.text(0.008, 0.985, title, ha="left", va="top", color=INK, fontsize=13, fontweight="bold")
    axes.set_xlabel(across, color=MUTED, fontsize=TEXT)
    return figure, axes


def plain(axes: "Axes", grid: Literal["x", "y"] = "y") -> None:
    """Leave a baseline, grid lines across the values, and tick labels."""
    axes.spines[:].set_visible(False)
    axes.grid(axis=grid, color=RULE, linewidth=0.8, clip_on=False)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", left=False, bottom=False, colors=MUTED, labelsize=SMALL_TEXT)


def mark(axes: "Axes", at: float, text: str, *, linestyle: object = (0, (1, 2))) -> None:
    """Draw a vertical line at `at`, with a text at its upper end."""
    axes.axvline(at, color=MUTED, linewidth=0.9, linestyle=linestyle, zorder=1, clip_on=False)
    share = axes.transAxes.inverted().transform(axes.transData.transform((at, 1.0)))[0]
    axes.annotate(
        text,
        (at, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 4),
        textcoords="offset points",
        ha="right" if share > 0.8 else "left" if share < 0.2 else "center",
        fontsize=SMALL_TEXT,
        color=MUTED,
    )
