"""Features to look at: a map of the dataset, and pictures beside those most like them."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import RejectedPicture
from viewfinder.core.files import written_whole
from viewfinder.core.randomness import Randomness, ids
from viewfinder.data.dataset import Dataset
from viewfinder.features.table import FeatureTable
from viewfinder.pages.plots import INK, MUTED, PAPER, picture_grid, short_name
from viewfinder.pictures.decode import decode

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Colours that stay apart for colour-blind eyes (M. Okabe and K. Ito, 2008); then shapes change.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#999999", "#000000")
_MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
_MOST_NAMED = 24

_NEIGHBOURS = 7
_LEAST = 3


def write_feature_plots(table: FeatureTable, dataset: Dataset, folder: Path) -> list[Path]:
    """Draw `map.png` and `neighbours.png` into a folder.

    Returns:
        What was drawn: nothing where there are not even three pictures.

    Raises:
        OutputError: The folder cannot be written.
    """
    if len(table) < _LEAST:
        return []

    def picture(locator: str) -> NDArray[np.uint8] | None:
        try:
            data = dataset.source.read(locator)
            return decode(data, at_least=(128, 128)).pixels if isinstance(data, bytes) else data
        except RejectedPicture:
            return None

    drawings = {
        "map.png": feature_map(table, dataset.classes),
        "neighbours.png": neighbours(table, picture),
    }
    for name, figure in drawings.items():
        with written_whole(folder / name) as temporary, warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure.savefig(temporary)
    return [folder / name for name in drawings]


def feature_map(table: FeatureTable, classes: Sequence[str]) -> "Figure":
    """The pictures as points, like ones near each other, coloured by class.

    Args:
        table: The features.
        classes: The names, in the dataset's order.
    """
    from matplotlib.figure import Figure

    places, shares = table.map()
    figure = Figure(figsize=(7.2, 6.0), layout="constrained", facecolor=PAPER, dpi=150)
    axes = figure.add_subplot()
    labels = table.pictures["label"].to_numpy()
    for number, name in enumerate(classes):
        points = places[labels == name]
        axes.scatter(
            points[:, 0],
            points[:, 1],
            s=max(4.0, min(24.0, 12_000 / max(1, len(labels)))),
            color=_COLOURS[number % len(_COLOURS)],
            marker=_MARKERS[number // len(_COLOURS) % len(_MARKERS)],
            alpha=0.6,
            linewidths=0,
            label=f"{short_name(name)} ({len(points):,})",
        )
    axes.set_title("The pictures by their features", loc="left", color=INK, fontweight="bold")
    axes.set_xlabel(f"first direction: {shares[0]:.0%} of the variation", color=MUTED)
    axes.set_ylabel(f"second direction: {shares[1]:.0%}", color=MUTED)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    if len(classes) <= _MOST_NAMED:
        legend = figure.legend(loc="outside right upper", frameon=False, labelcolor=INK)
        for text in legend.get_texts():
            text.set_parse_math(False)
    return figure


def neighbours(
    table: FeatureTable,
    picture: Callable[[str], NDArray[np.uint8] | None],
    *,
    rows: int = 8,
    seed: int = 0,
) -> "Figure":
    """Some pictures, each at the head of a row of those most like it.

    Args:
        table: The features of at least two pictures.
        picture: From a locator to pixels, or None when the file has gone.
        rows: How many pictures.
        seed: Decides which.
    """
    locators = table.pictures["locator"].to_numpy()
    labels = table.pictures["label"].to_numpy()
    order = Randomness(seed).order("neighbours", epoch=-1, examples=ids(locators.tolist()))
    nearest = table.nearest(_NEIGHBOURS)
    shown: list[int] = []
    captions: list[str] = []
    for query in order[:rows]:
        shown += [int(query), *map(int, nearest[query])]
        captions.append(f"{short_name(labels[query], 14)}\nand those like it:")
        for place in nearest[query]:
            other = "" if labels[place] == labels[query] else "≠ "
            captions.append(f"{other}{short_name(labels[place], 14)}\n")
    return picture_grid(
        [picture(locators[place]) for place in shown], captions, columns=nearest.shape[1] + 1
    )
