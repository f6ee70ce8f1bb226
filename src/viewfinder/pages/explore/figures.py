"""The exploration's pictures as PNG files."""

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.files import written_whole
from viewfinder.pages.parts.svg import edges_of
from viewfinder.pages.plots import ACCENT, INK, MUTED, RULE, picture_grid, short_name
from viewfinder.store.explore import ClassLooks, Exploration

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_BARS = 60
_MOST_SHEETS = 60


def write_figures(explored: Exploration, folder: Path) -> None:
    """Write `counts`, `sizes`, `aspects`, `means` and a `samples-CLASS` for each class.

    Beyond 60 classes there are bars and samples for the first 60.
    """
    looks = explored.classes
    _save(_counts(looks[:_MOST_BARS]), folder / "counts.png")
    _save(_histogram(explored.sizes, "side of a square of the same area"), folder / "sizes.png")
    _save(_histogram(explored.aspects, "width over height"), folder / "aspects.png")
    with_mean = [one for one in looks if one.mean is not None][:_MOST_BARS]
    captions = [f"{short_name(one.name)}\nmean of {one.in_mean:,}" for one in with_mean]
    _save(picture_grid([one.mean for one in with_mean], captions), folder / "means.png")
    for place, one in enumerate(looks[:_MOST_SHEETS]):
        captions = [short_name(locator.rsplit("/", 1)[-1], 18) for locator in one.locators]
        sheet = picture_grid(one.sample, captions[: len(one.sample)], columns=4)
        _save(sheet, folder / f"samples-{place:02d}-{_plain(one.name)}.png")


def _plain(name: str) -> str:
    """A class's name as a part of a file's name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:40].strip("_") or "class"


def _counts(looks: tuple[ClassLooks, ...]) -> "Figure":
    figure, axes = _figure(7.2, max(1.6, 0.3 * len(looks) + 0.8))
    names = [short_name(one.name) for one in looks]
    places = np.arange(len(looks))
    axes.barh(places, [one.count for one in looks], color=ACCENT, height=0.66)
    # A name with dollar signs is a name, and no formula.
    axes.set_yticks(places, names, parse_math=False)
    axes.invert_yaxis()
    for place, one in enumerate(looks):
        axes.text(one.count, place, f" {one.count:,}", va="center", color=INK, fontsize=9)
    axes.set_xlabel("readable pictures", color=MUTED)
    return figure


def _histogram(values: NDArray[np.float64], label: str) -> "Figure":
    figure, axes = _figure(7.2, 3.2)
    edges = edges_of(values)
    axes.hist(values, bins=edges, color=ACCENT, rwidth=0.92)
    if len(edges) > 2:
        axes.set_xscale("log")
        ticks = edges[:: (len(edges) - 1) // 4]
        axes.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
        axes.minorticks_off()
    axes.set_xlabel(label, color=MUTED)
    axes.set_ylabel("pictures", color=MUTED)
    return figure


def _figure(width: float, height: float) -> tuple["Figure", Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.tick_params(colors=MUTED, length=0)
    return figure, axes


def _save(figure: "Figure", path: Path) -> None:
    with written_whole(path) as temporary, warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; the page has it right.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(temporary, format="png")
