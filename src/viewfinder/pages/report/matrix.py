"""The page's confusion matrix: a table where the counts fit, a drawing of shades where not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from viewfinder.pages.plots import row_shares

# With more classes, the columns of a table would not fit a page.
MOST_COUNTED = 12

_SHADES = 12
# Where a cell's colour needs the other text colour to be read: on paper, and in the dark.
_STRONG, _MIDDLE = 0.75, 0.55


@dataclass(frozen=True, slots=True)
class Cell:
    """A count, its share of the row in whole percent, whether it is right, how deep its colour."""

    count: int
    strength: int
    right: bool
    depth: str


@dataclass(frozen=True, slots=True)
class Row:
    """The answers to the pictures of one class."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Shade:
    """All cells of one shade: the `d` of an SVG path in units of cells, and its opacity."""

    path: str
    opacity: float


def counted_rows(confusion: ArrayLike, classes: Sequence[str]) -> list[Row]:
    """The matrix as rows of counted cells, `(k, k)` with the true class as the row."""
    counts = np.asarray(confusion)
    shares = row_shares(counts)
    return [
        Row(name, tuple(_cell(counts, shares, row, column) for column in range(len(classes))))
        for row, name in enumerate(classes)
    ]


def _cell(counts: NDArray[np.int64], shares: NDArray[np.float64], row: int, column: int) -> Cell:
    share = float(shares[row, column])
    # A single mistake among thousands must still be seen.
    strength = 0 if share == 0 else max(4, round(100 * share))
    depth = "strong" if share >= _STRONG else "middle" if share >= _MIDDLE else ""
    return Cell(int(counts[row, column]), strength, row == column, depth)


def shades(confusion: ArrayLike) -> list[Shade]:
    """The matrix as one path a shade, which keeps 100 classes small: empty cells cost nothing."""
    shares = row_shares(np.asarray(confusion))
    levels = np.ceil(shares * _SHADES).astype(int)
    drawn = []
    for level in range(1, _SHADES + 1):
        rows, columns = np.nonzero(levels == level)
        if len(rows):
            cells = zip(columns.tolist(), rows.tolist(), strict=True)
            path = "".join(f"M{x} {y}h1v1h-1z" for x, y in cells)
            # The root lifts rare mistakes, which are what one looks for, above the background.
            drawn.append(Shade(path, round(float(np.sqrt(level / _SHADES)), 2)))
    return drawn
