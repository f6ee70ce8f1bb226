"""Where a model looked, as a figure."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from viewfinder.explain.attribution import Explanation
from viewfinder.pages.parts.words import file_name, percent, short_name
from viewfinder.pages.plots import picture_grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_COLUMNS = 6


def draw_explanations(found: Sequence[Explanation]) -> "Figure":
    """Draw each picture beside its maps: dark red is a little, yellow and white the most.

    Maps of one picture are scaled one by one, each to its own maximum.

    Args:
        found: Maps of one or several pictures; those of a picture follow each other.
    """
    cells, captions = [], []
    for name, some in groupby(found, key=lambda one: one.picture):
        maps = list(some)
        cells.append(np.squeeze(maps[0].pixels))
        captions.append(
            f"{short_name(file_name(name), 22)}\nanswer {short_name(maps[0].answer, 14)}"
        )
        for one in maps:
            cells.append(one.overlay())
            captions.append(f"{one.method}\n{short_name(one.label, 14)} {percent(one.probability)}")
    each = len(cells) // max(1, len({one.picture for one in found}))
    columns = each * max(1, _MOST_COLUMNS // each)
    figure = picture_grid(cells, captions, columns=min(columns, max(1, len(cells))))
    figure.set_label(f"Where the model looked: {len(found)} maps.")
    return figure
