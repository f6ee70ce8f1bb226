"""Convolution by hand as a figure: the picture, the filter, and the result of each step."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewfinder.pages.plots import picture_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ENLARGED = 2.0
_FILTER_PIXELS = 50


def draw_convolution(
    weights: NDArray[np.float64], name: str, steps: Mapping[str, NDArray[np.float64]]
) -> "Figure":
    """Draw the picture, the filter's weights, and the result of each further step.

    Results are shown from 0 (black) to 255 (white); what lies outside is clipped, which shows a
    negative value as ReLU leaves it.

    Args:
        weights: Shape (3, 3) or (5, 5).
        name: The filter's name.
        steps: By name, values of shape (height, width, channels); the first is the picture.
    """
    (picture, first), *results = ((text, values) for text, values in steps.items())
    # The grid needs a picture where the filter's weights will be.
    paper = np.full((_FILTER_PIXELS, _FILTER_PIXELS, 3), 255, np.uint8)
    side = len(weights)
    cells = [_shown(first), paper, *(_shown(values) for _, values in results)]
    captions = [
        f"{picture}\n{_size(first)}",
        f"filter {name}\n{side} × {side}",
        *(f"{text}, {_size(values)}\n{_range(values)}, shown 0 to 255" for text, values in results),
    ]
    figure = picture_grid(cells, captions, columns=len(cells))
    width, height = figure.get_size_inches()
    figure.set_size_inches(_ENLARGED * width, _ENLARGED * height)
    _write_weights(figure.axes[1], weights)
    figure.set_label(f"A picture, the filter {name}, and {', '.join(text for text, _ in results)}.")
    return figure


def _shown(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    levels = np.clip(np.round(values), 0, 255).astype(np.uint8)
    return levels[:, :, 0] if levels.shape[2] == 1 else levels


def _size(values: NDArray[np.float64]) -> str:
    height, width, channels = values.shape
    return f"{width} × {height}" + (f" × {channels}" if channels > 1 else "")


def _range(values: NDArray[np.float64]) -> str:
    return f"{values.min():.0f} to {values.max():.0f}"


def _write_weights(axes: "Axes", weights: NDArray[np.float64]) -> None:
    """Write each weight on a shade of its own: white for the lowest, grey for the highest."""
    side = len(weights)
    axes.images[0].remove()
    axes.imshow(weights, cmap="Greys", vmin=weights.min(), vmax=weights.max() + 2 * np.ptp(weights))
    for (row, column), weight in np.ndenumerate(weights):
        text = f"{weight:.3g}"
        axes.text(column, row, text, ha="center", va="center", fontsize=44 / side)
