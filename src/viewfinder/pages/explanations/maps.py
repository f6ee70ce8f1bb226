"""Feature maps as figures: a row a layer, the course of sparsity and rank, exciting patches."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from viewfinder.explain.activations import FeatureMap, FeatureMaps, Patch
from viewfinder.pages.parts.words import file_name, percent, short_name
from viewfinder.pages.plots import picture_grid
from viewfinder.pages.plots.style import ACCENT, INK, MUTED, SMALL_TEXT, STROKES, figure_of, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHANNELS = 12
_DEVIATIONS = 2
_GREY = 128
# A tile in pixels of the sheet; the others in inches.
_TILE, _ACROSS_PIXELS, _DOWN_PIXELS = 136, 144, 152
_ACROSS, _DOWN = 0.96, 0.96 * _DOWN_PIXELS / _ACROSS_PIXELS
_TEXT, _FOOT = 2.2, 2.6


def draw_maps(found: FeatureMaps, channels: int = CHANNELS) -> "Figure":
    """Draw the input beside each layer's channels, and sparsity and rank from layer to layer.

    A channel is grey at its mean, black two standard deviations below it and white two above; a
    channel that has one value everywhere is grey. The most active channel, by its mean absolute
    value, comes first.

    Args:
        found: The maps of one picture.
        channels: How many channels of each layer are drawn, at most.
    """
    rows: list[tuple[str, list[NDArray[np.uint8] | None]]] = [
        (_in_words(number, one), [found.pixels, *_tiles(one, channels)])
        for number, one in enumerate(found.maps, start=1)
    ]
    if found.filters is not None:
        shown = [_filter_levels(found.filters[..., i]) for i in _first_order(found)[:channels]]
        rows.insert(0, (_filters_in_words(found.filters), [None, *shown]))
    width = _TEXT + (channels + 1) * _ACROSS
    height = len(rows) * _DOWN + _FOOT
    figure = figure_of(width, height)
    figure.set_layout_engine("none")
    # All tiles are one image: axes of their own would take half a minute for a deep network.
    axes = figure.add_axes((_TEXT / width, _FOOT / height, 1 - _TEXT / width, 1 - _FOOT / height))
    axes.set_axis_off()
    axes.imshow(_sheet([tiles for _, tiles in rows], channels + 1), aspect="auto")
    for row, (words, _) in enumerate(rows):
        figure.text(
            0.1 / width, 1 - (row * _DOWN + 0.05) / height, words, ha="left", va="top",
            color=INK, fontsize=7.5, parse_math=False, linespacing=1.3,
        )  # fmt: skip
    _draw_course(figure, found.maps, (width, height))
    figure.set_label(f"Feature maps of {len(found.maps)} layers, the most active channels first.")
    return figure


def draw_patches(patches: Sequence[Patch], layer: str, channel: int) -> "Figure":
    """Draw the pictures that excite a channel most; a frame shows its receptive field.

    Args:
        patches: The highest value first.
        layer: The layer's name.
        channel: The channel's index.
    """
    from matplotlib.patches import Rectangle

    captions = [
        f"{short_name(file_name(one.locator), 22)}\n{layer}:{channel} = {one.value:.3g}"
        for one in patches
    ]
    pictures = [np.squeeze(one.pixels) for one in patches]
    figure = picture_grid(pictures, captions, columns=min(4, max(1, len(patches))))
    for axes, one in zip(figure.axes, patches, strict=True):
        box = one.box
        corner = box.left - 0.5, box.top - 0.5
        size = box.right - box.left, box.bottom - box.top
        for line, color in ((3.0, "white"), (1.4, ACCENT)):
            axes.add_patch(Rectangle(corner, *size, fill=False, linewidth=line, edgecolor=color))
    figure.set_label(f"The pictures that excite channel {channel} of {layer} most.")
    return figure


def _first_order(found: FeatureMaps) -> NDArray[np.intp]:
    """The order of the filters: that of the first layer's maps, where each filter has one."""
    assert found.filters is not None
    count = found.filters.shape[-1]
    order = found.maps[0].order
    return order if len(order) == count else np.arange(count)


def _levels(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    deviation = float(values.std())
    if deviation == 0:
        return np.full(values.shape, _GREY, np.uint8)
    scaled = (values - values.mean()) / deviation * _GREY / _DEVIATIONS + _GREY
    return np.asarray(np.clip(scaled, 0, 255), np.uint8)


def _filter_levels(weights: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A filter of 3 channels in colour, another as its mean: 0 is grey."""
    shown = weights if weights.shape[2] == 3 else weights.mean(axis=2)
    largest = float(np.abs(shown).max()) or 1.0
    return np.asarray(np.clip(shown / largest * 127 + _GREY, 0, 255), np.uint8)


def _tiles(one: FeatureMap, channels: int) -> list[NDArray[np.uint8]]:
    return [_levels(one.values[..., index]) for index in one.order[:channels]]


def _sheet(rows: Sequence[Sequence[NDArray[np.uint8] | None]], columns: int) -> NDArray[np.uint8]:
    """Put tiles in rows, each at its top left; None stays white."""
    shape = len(rows) * _DOWN_PIXELS, columns * _ACROSS_PIXELS, 3
    sheet = np.full(shape, 255, np.uint8)
    for row, tiles in enumerate(rows):
        for column, tile in enumerate(tiles):
            if tile is not None:
                top, left = row * _DOWN_PIXELS + 4, column * _ACROSS_PIXELS
                fitted = _fitted(tile)
                sheet[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return sheet


def _fitted(tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fit a tile into its place: small ones keep their pixels visible."""
    colored = tile if tile.ndim == 3 else tile[:, :, None]
    scale = _TILE / max(colored.shape[:2])
    size = [max(1, round(side * scale)) for side in colored.shape[:2]]
    way = cv2.INTER_NEAREST if scale > 1 else cv2.INTER_AREA
    resized = cv2.resize(np.ascontiguousarray(colored), (size[1], size[0]), interpolation=way)
    resized = resized if resized.ndim == 3 else resized[:, :, None]
    return np.broadcast_to(resized, (*resized.shape[:2], 3)).astype(np.uint8)


def _in_words(number: int, one: FeatureMap) -> str:
    height, width, channels = one.values.shape
    kinds = " + ".join((one.kind, *one.after)).replace("BatchNormalization", "BatchNorm")
    return (
        f"{number}  {short_name(one.layer, 30)}\n{kinds}\n{width} × {height} × {channels}\n"
        f"{percent(one.sparsity)} zeros\neffective rank {one.effective_rank:.1f}"
    )


def _filters_in_words(filters: NDArray[np.float32]) -> str:
    height, width, channels, count = filters.shape
    return f"Filters of the first layer\n{count} of {width} × {height} × {channels}\ngrey is 0"


def _draw_course(figure: "Figure", maps: Sequence[FeatureMap], size: tuple[float, float]) -> None:
    """Draw sparsity and effective rank from layer to layer, at the foot."""
    width, height = size
    axes = figure.add_axes(
        (0.7 / width, 0.5 / height, (width - 1.0) / width, (_FOOT - 0.95) / height),
        facecolor="none",
    )
    plain(axes)
    numbers = np.arange(1, len(maps) + 1)
    shares = {
        "zeros": [one.sparsity for one in maps],
        "effective rank, of the most possible": [_rank_share(one) for one in maps],
    }
    for (label, values), (color, dashes) in zip(shares.items(), STROKES, strict=False):
        axes.plot(numbers, values, color=color, linestyle=dashes, marker="o", ms=3, label=label)
    axes.set(ylim=(-0.03, 1.03), xlim=(0.5, len(maps) + 0.5))
    axes.set_xticks(numbers if len(maps) <= 40 else numbers[:: len(maps) // 20])
    axes.set_xlabel("layer, in the order of the rows", color=MUTED, fontsize=SMALL_TEXT)
    axes.legend(
        frameon=False, labelcolor=INK, fontsize=SMALL_TEXT, ncols=2, loc="lower left",
        bbox_to_anchor=(0, 1.0),
    )  # fmt: skip


def _rank_share(one: FeatureMap) -> float:
    height, width, channels = one.values.shape
    return float(one.effective_rank / min(channels, height * width))
