"""Pictures in rows, with captions."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import DataError
from viewfinder.pages.plots.style import INK, MUTED, figure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def picture_grid(
    pictures: Sequence[NDArray[np.uint8] | None], captions: Sequence[str], columns: int = 5
) -> "Figure":
    """Draw pictures in rows, each over its caption; None becomes a grey placeholder.

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
    figure = figure_of(1.9 * columns, cell * rows)
    # Cells of known size need no layout engine, which takes seconds for a hundred pictures.
    figure.set_layout_engine("none")
    if not pictures:
        figure.text(0.5, 0.5, "nothing to show", ha="center", va="center", color=MUTED)
    for index, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        row, column = divmod(index, columns)
        bottom = 1 - (row + 1.78 / cell) / rows
        box = ((column + 0.04) / columns, bottom, 0.92 / columns, 1.7 / (cell * rows))
        axes = figure.add_axes(box)
        axes.set_anchor("S")  # pictures of a row stand on one line, their captions below it
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        _show(axes, picture)
        axes.set_xlabel(caption, fontsize=8, color=INK, parse_math=False)
    return figure


def _show(axes: "Axes", picture: NDArray[np.uint8] | None) -> None:
    if picture is None:
        axes.imshow(np.full((1, 1, 3), 235, np.uint8))
        axes.text(0, 0, "file not found", ha="center", va="center", fontsize=8, color=MUTED)
    else:
        smoothing = "nearest" if max(picture.shape[:2]) <= 64 else "antialiased"
        axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation=smoothing)
