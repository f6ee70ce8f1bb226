"""Figures of features: a map of the dataset, and pictures beside their nearest neighbours."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import RejectedPicture
from viewfinder.core.randomness import Randomness, ids
from viewfinder.core.words import percent
from viewfinder.data.dataset import Dataset
from viewfinder.models.features.table import FeatureTable
from viewfinder.pages import plots
from viewfinder.pages.parts.words import short_name
from viewfinder.pages.plots.style import INK, MUTED, figure_of
from viewfinder.pictures.decode import decode

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Distinguishable by colour-blind eyes (M. Okabe and K. Ito, 2008); further classes change shape.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#999999", "#000000")
_MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
_MOST_NAMED = 24

_NEIGHBOURS = 7
_LEAST = 3


def write_feature_plots(table: FeatureTable, dataset: Dataset, folder: Path) -> list[Path]:
    """Draw `map.png` and `neighbours.png` into a folder.

    Returns:
        The files; none where there are fewer than three pictures.

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
        plots.save(figure, folder / name)
    return [folder / name for name in drawings]


def feature_map(table: FeatureTable, classes: Sequence[str]) -> "Figure":
    """Draw each picture as a point, similar ones near each other, coloured by class.

    Args:
        table: The features.
        classes: The names, in the dataset's order.
    """
    points, shares = table.map()
    figure = figure_of(7.2, 6.0)
    axes = figure.add_subplot()
    labels = table.pictures["label"].to_numpy()
    for number, name in enumerate(classes):
        of_class = points[labels == name]
        axes.scatter(
            of_class[:, 0],
            of_class[:, 1],
            s=max(4.0, min(24.0, 12_000 / max(1, len(labels)))),
            color=_COLOURS[number % len(_COLOURS)],
            marker=_MARKERS[number // len(_COLOURS) % len(_MARKERS)],
            alpha=0.6,
            linewidths=0,
            label=f"{short_name(name)} ({len(of_class):,})",
        )
    axes.set_title("The pictures by their features", loc="left", color=INK, fontweight="bold")
    axes.set_xlabel(f"first direction: {percent(shares[0], 0)} of the variation", color=MUTED)
    axes.set_ylabel(f"second direction: {percent(shares[1], 0)}", color=MUTED)
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
    """Draw some pictures, each followed by its nearest neighbours in its row.

    Args:
        table: The features of at least two pictures.
        picture: From a locator to pixels, or None when the file is missing.
        rows: How many pictures.
        seed: Selects the pictures.
    """
    locators = table.pictures["locator"].to_numpy()
    labels = table.pictures["label"].to_numpy()
    order = Randomness(seed).order("neighbours", epoch=-1, examples=ids(locators.tolist()))
    nearest = table.nearest(_NEIGHBOURS)
    shown: list[int] = []
    captions: list[str] = []
    for query in order[:rows]:
        shown += [int(query), *map(int, nearest[query])]
        captions.append(f"{short_name(labels[query], 14)}\nnearest neighbours:")
        for row in nearest[query]:
            other = "" if labels[row] == labels[query] else "≠ "
            captions.append(f"{other}{short_name(labels[row], 14)}\n")
    return plots.picture_grid(
        [picture(locators[row]) for row in shown], captions, columns=nearest.shape[1] + 1
    )
