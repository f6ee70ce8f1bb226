"""Vectors of pictures from the audit's small pictures: how they look, and the shapes in them."""

import numpy as np
from numpy.typing import NDArray

from viewfinder.audit.measurements import Measurements

Vectors = NDArray[np.float32]

_FIGURES = ("brightness", "contrast", "dark", "bright", "entropy", "sharpness", "chroma")
_DIRECTIONS, _CELLS = 12, (1, 2, 4)


def looks(measurements: Measurements) -> Vectors:
    """Return how each picture looks: float32, shape `(n, 391)`.

    Gray at 16 × 16 pixels, colour at 8 × 8, and figures such as contrast and sharpness. Each of the
    three has a total variance of 1.
    """
    count = len(measurements)
    gray = measurements.thumbnails.reshape(count, 16, 2, 16, 2).mean(axis=(2, 4), dtype=np.float32)
    figures = measurements.table[list(_FIGURES)].to_numpy(np.float32)
    figures = figures / np.maximum(figures.std(axis=0), 1e-6)
    blocks = (gray, measurements.tints, figures)
    return np.hstack([_scaled(block.reshape(count, -1)) for block in blocks])


def shapes(measurements: Measurements) -> Vectors:
    """Return the shapes in each picture: float32, shape `(n, 252)`.

    Histograms of the directions of gradients (N. Dalal and B. Triggs, "Histograms of Oriented
    Gradients for Human Detection", CVPR 2005) in the whole thumbnail, in its quarters and in 4 × 4
    cells. Each of the three has a norm of 1, and each value is the root, as in RootSIFT.
    """
    pixels = measurements.thumbnails.astype(np.float32)
    count, side = len(pixels), pixels.shape[1]
    down, right = np.gradient(pixels, axis=(1, 2))
    direction = np.arctan2(down, right) % np.pi / np.pi * _DIRECTIONS
    lower, part = np.floor(direction).astype(np.int8) % _DIRECTIONS, direction % 1
    size = np.hypot(down, right)
    finest = np.empty((count, _CELLS[-1], _CELLS[-1], _DIRECTIONS), np.float32)
    for index in range(_DIRECTIONS):
        weight = (lower == index) * (1 - part) + ((lower + 1) % _DIRECTIONS == index) * part
        cells = (size * weight).reshape(count, _CELLS[-1], side // _CELLS[-1], _CELLS[-1], -1)
        finest[..., index] = cells.sum(axis=(2, 4))
    blocks = []
    for rows in _CELLS:
        wide = _CELLS[-1] // rows
        sums = finest.reshape(count, rows, wide, rows, wide, -1).sum(axis=(2, 4))
        flat = sums.reshape(count, -1)
        blocks.append(np.sqrt(flat / (np.linalg.norm(flat, axis=1, keepdims=True) + 1e-3)))
    return np.hstack(blocks)


def _scaled(block: NDArray[np.generic]) -> Vectors:
    centred = block.astype(np.float32)
    centred -= centred.mean(axis=0)
    return np.asarray(centred / max(float(np.sqrt(centred.var(axis=0).sum())), 1e-6), np.float32)
