"""How pictures look, and whether those of a group look alike.

They do if nearest neighbours share a group more often than by chance. The vectors are computed from
the audit's small pictures.

Neighbours are of one class, because pictures of a class look alike anyway. A permutation test of
the groups within each class says how often chance would bring so many neighbours of one group.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewfinder.audit.measurements import Measurements

Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]

_BLOCK = 2048
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


@dataclass(frozen=True)
class Likeness:
    """How often the nearest neighbour is of a picture's own group.

    Attributes:
        share: The share of pictures whose nearest neighbour is of their group, 0 to 1.
        chance: The share to expect if groups had no look of their own.
        p: The probability of such a share by chance, from the permutations.
    """

    share: float
    chance: float
    p: float

    @property
    def strength(self) -> float:
        """The share beyond chance: 0 for none, 1 if every neighbour is of the group."""
        return (self.share - self.chance) / max(1 - self.chance, 1e-9)


def likeness(codes: Rows, labels: Rows, nearest: Rows, draws: int) -> Likeness:
    """Compare the share of neighbours of one group with that after permutations within classes.

    Args:
        codes: Each picture's group, -1 for none, shape `(n,)`.
        labels: Each picture's class index.
        nearest: The row of each picture's nearest neighbour; -1 for none.
        draws: The number of permutations.
    """
    compared = np.flatnonzero((codes >= 0) & (nearest >= 0))
    if not len(compared):
        return Likeness(0, 0, 1)
    others = nearest[compared]

    random = np.random.default_rng(0)
    by_class = np.argsort(labels, kind="stable")
    shares, together = np.empty(draws), max(1, _BLOCK * 64 // len(codes))
    for start in range(0, draws, together):
        keys = random.random((min(together, draws - start), len(codes)))
        permuted = np.empty(keys.shape, codes.dtype)
        permuted[:, by_class] = codes[(keys + labels).argsort(axis=1)]
        shares[start : start + together] = (permuted[:, compared] == permuted[:, others]).mean(
            axis=1
        )
    found = float((codes[compared] == codes[others]).mean())
    return Likeness(found, float(shares.mean()), float((1 + (shares >= found).sum()) / (1 + draws)))


def nearest_in_class(rows: Vectors, labels: Rows, apart: Rows | None = None) -> Rows:
    """Return the row of each picture's nearest neighbour in its class, -1 without one.

    Args:
        rows: The pictures' vectors.
        labels: Each picture's class index.
        apart: Groups whose pictures are not compared with each other; None for no groups.
    """
    own = np.arange(len(rows)) if apart is None else apart
    nearest = np.full(len(rows), -1, np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        nearest[members] = _nearest(rows, members, members, own)
    return nearest


def nearest_in_other_classes(rows: Vectors, labels: Rows) -> Rows:
    """Return the row of each picture's nearest neighbour in another class, beyond the class's look.

    Each class's mean is subtracted first.
    """
    sums = np.zeros((int(labels.max(initial=0)) + 1, rows.shape[1]), np.float32)
    np.add.at(sums, labels, rows)
    means = sums / np.maximum(np.bincount(labels), 1)[:, None]
    every = np.arange(len(rows))
    centred = np.asarray(rows - means[labels], np.float32)
    return _nearest(centred, every, every, labels)


def _nearest(rows: Vectors, members: Rows, others: Rows, own: Rows) -> Rows:
    """The nearest of `others` for each member, among those with another value of `own`."""
    squares = (rows[others] ** 2).sum(axis=1)
    nearest = np.full(len(members), -1, np.int64)
    for start in range(0, len(members), _BLOCK):
        block = members[start : start + _BLOCK]
        distances = squares - 2 * rows[block] @ rows[others].T
        distances[own[block, None] == own[None, others]] = np.inf
        best = distances.argmin(axis=1)
        is_any = np.isfinite(distances[np.arange(len(block)), best])
        nearest[start : start + _BLOCK] = np.where(is_any, others[best], -1)
    return nearest
