"""Histograms as geometry, in the units of an SVG `viewBox`; the stylesheet colours them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 440, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 432, 24, 190
_BINS = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its corner, its size, and what it counts."""

    x: float
    y: float
    width: float
    height: float
    says: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """A histogram.

    Attributes:
        title: What is counted.
        bars: From left to right.
        ticks: Places across, and what is written there.
        description: The histogram in words.
    """

    title: str
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    description: str


def edges_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The edges of bins of equal ratio, so that half and double are equally far; of one value, one.

    Args:
        values: Above 0, shape `(n,)`.
    """
    low, high = float(values.min()), float(values.max())
    if high / low < 1.02:
        return np.array([low * 0.98, high * 1.02])
    return np.geomspace(low, high * (1 + 1e-9), _BINS + 1)


def histogram(title: str, values: NDArray[np.float64], unit: str, digits: int) -> Histogram:
    """How often each value occurs; the axis is logarithmic."""
    edges = edges_of(values)
    counts, _ = np.histogram(values, edges)
    step = (_RIGHT - _LEFT) / len(counts)
    tallest = max(1, int(counts.max()))
    bars = []
    for place, count in enumerate(counts):
        height = (_BOTTOM - _TOP) * int(count) / tallest
        says = f"{edges[place]:.{digits}f}–{edges[place + 1]:.{digits}f}{unit}: {count:,}"
        bars.append(
            Bar(_LEFT + place * step + 1, _BOTTOM - height, max(1.0, step - 2), height, says)
        )
    shown = sorted({0, len(counts) // 2, len(counts)})
    ticks = tuple((_LEFT + place * step, f"{edges[place]:.{digits}f}") for place in shown)
    middle = float(np.median(values))
    description = (
        f"{title}: from {values.min():.{digits}f}{unit} to {values.max():.{digits}f}{unit}"
    )
    return Histogram(title, tuple(bars), ticks, f"{description}, half below {middle:.{digits}f}.")
