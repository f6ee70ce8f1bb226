"""The crop map as a figure."""

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewfinder.explain.crops import Crop, CropMap
from viewfinder.pages.parts.words import percent, short_name
from viewfinder.pages.plots import picture_grid
from viewfinder.pages.plots.style import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ENLARGED = 1.5
# From the other answer to the same one; told apart by colour-blind eyes.
_COLOURS = "PuOr"
_LEGEND = (
    "a cell stands where its crop lies; violet: the answer of the whole picture is probable, "
    "brown: improbable; ×: another answer leads by 0.2 or more; ○: none does"
)


def draw_crops(found: CropMap) -> "Figure":
    """Draw the picture, the mildest flip, and for each zoom the answers as a grid of crops.

    A cell stands where its crop lies: the top left cell is the crop at the top left. Its colour is
    the probability of the whole picture's answer, from 0 (brown) to 1 (violet). A flip is marked by
    a cross, a crop whose answer leads by less than 0.2 by a ring.
    """
    from matplotlib.patches import Rectangle

    picture = np.squeeze(found.pixels)
    cells, captions = [picture], [f"the whole picture\n{_in_words(found.whole)}"]
    mildest = found.mildest
    if mildest is not None:
        cells.append(picture[mildest.top : mildest.bottom, mildest.left : mildest.right])
        captions.append(
            f"the mildest flip, {100 * mildest.zoom:.0f} % of each side\n{_in_words(mildest)}"
        )
    start = len(cells)
    zooms = list(dict.fromkeys(one.zoom for one in found.crops))
    for zoom in zooms:
        crops = [one for one in found.crops if one.zoom == zoom]
        flips = sum(one in found.flips for one in crops)
        cells.append(_cells(crops))
        captions.append(f"{100 * zoom:.0f} % of each side\n{flips} of {len(crops)} crops flip")
    captions = [f"{caption}\n" for caption in captions]  # the last line is the legend's
    figure = picture_grid(cells, captions, columns=len(cells))
    figure.text(0.5, 0.02, _LEGEND, ha="center", va="bottom", fontsize=8, color=MUTED)
    width, height = figure.get_size_inches()
    figure.set_size_inches(_ENLARGED * width, _ENLARGED * height)
    if mildest is not None:
        size = mildest.right - mildest.left, mildest.bottom - mildest.top
        for line, color in ((3.5, "white"), (1.5, INK)):
            frame = Rectangle(
                (mildest.left, mildest.top), *size, fill=False, linewidth=line, edgecolor=color
            )
            figure.axes[0].add_patch(frame)
    for zoom, axes in zip(zooms, figure.axes[start:], strict=True):
        _mark(axes, found, [one for one in found.crops if one.zoom == zoom])
    figure.set_label(
        f"Crops of a picture whose answer is {found.whole.label}: {len(found.flips)} of "
        f"{len(found.crops)} give another answer."
    )
    return figure


def _cells(crops: list[Crop]) -> NDArray[np.uint8]:
    from matplotlib import colormaps

    side = math.isqrt(len(crops))
    shares = np.array([one.of_answer for one in crops]).reshape(side, side)
    return np.asarray(255 * colormaps[_COLOURS](shares)[:, :, :3], np.uint8)


def _mark(axes: "Axes", found: CropMap, crops: list[Crop]) -> None:
    side = math.isqrt(len(crops))
    for index, one in enumerate(crops):
        mark = "×" if one in found.flips else "" if one.is_decided else "○"
        place = index % side, index // side
        axes.text(*place, mark, ha="center", va="center", color=INK, fontsize=13)


def _in_words(crop: Crop) -> str:
    return f"{short_name(crop.label)} {percent(crop.probability)}"
