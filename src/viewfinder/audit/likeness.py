"""Comparison of pictures: hashes select candidate pairs, pixels decide.

Hashes are cheap to compare, and reliable for photos; but of drawings and 28 × 28 pictures hundreds
have equal hashes. So each pair of close hashes is compared by gray thumbnails and colours:
directly, and (larger pictures only) after alignment, which finds crops.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from viewfinder.audit.hashes import Hashes, distances
from viewfinder.core.parallel import cores, map_ahead

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
Thumbnails = NDArray[np.uint8]

# The size of a block of the table of distances, which fits into a core's cache.
_BLOCK_BYTES = 1 << 19
_PAIRS_AT_ONCE = 512


class Pairs(NamedTuple):
    """Pairs of pictures by their rows, int64, shape `(m,)` each; the first is the lower."""

    first: Rows
    second: Rows

    def where(self, chosen: Mask | slice) -> "Pairs":
        """Return the pairs for which a mask is true, or those of a slice."""
        return Pairs(self.first[chosen], self.second[chosen])


def close_pairs(
    hashes: Hashes,
    others: Hashes,
    radius: int,
    keep: Callable[[Pairs], Mask] | None = None,
) -> Pairs:
    """Return all pairs i < j whose `hashes[i]` and `others[j]` differ in at most `radius` bits.

    Every pair is compared, in blocks and on all cores (30 ms for 3,000 pictures and 6 s for 70,000
    on two cores), so the time does not depend on the radius, unlike that of an index.

    Args:
        hashes: uint64, shape `(n,)`.
        others: The hashes of the same pictures, or of their mirror images.
        radius: From 0 to 64.
        keep: Filters the pairs of each block, which bounds the memory.
    """
    rows = max(1, _BLOCK_BYTES // max(1, len(hashes)))

    def pairs_of_block(start: int) -> Pairs:
        block = distances(hashes[start : start + rows, None], others[None, start + 1 :])
        first, second = np.nonzero(block <= radius)
        above = second >= first  # columns begin one after the block's first row
        pairs = Pairs(first[above] + start, second[above] + start + 1)
        return pairs.where(keep(pairs)) if keep else pairs

    blocks = map_ahead(pairs_of_block, range(0, len(hashes), rows), workers=cores())
    empty = Pairs(np.empty(0, np.int64), np.empty(0, np.int64))
    return Pairs(*(np.concatenate(part) for part in zip(empty, *blocks, strict=True)))


def coarse(thumbnails: Thumbnails) -> Thumbnails:
    """Return the mean levels of 4 × 4 fields, uint8, `(n, 16)`, by which most pairs differ."""
    fields = thumbnails.reshape(-1, 4, 8, 4, 8).mean(axis=(2, 4), dtype=np.float32)
    return np.asarray(fields.round().reshape(-1, 16), np.uint8)


class Difference(NamedTuple):
    """The differences of pairs of pictures in levels, each float32, shape `(m,)`.

    Attributes:
        overall: The root mean square difference.
        local: The largest mean difference of a patch of 3 × 3 pixels of the thumbnails.
        contrast: The lower standard deviation of the two pictures' levels.
    """

    overall: NDArray[np.float32]
    local: NDArray[np.float32]
    contrast: NDArray[np.float32]


def compare(thumbnails: Thumbnails, others: Thumbnails, pairs: Pairs) -> Difference:
    """Compare the pictures of each pair pixel by pixel.

    Args:
        thumbnails: uint8, shape `(n, 32, 32)`; the pairs' first pictures are taken from here.
        others: The same or mirrored; the pairs' second pictures are taken from here.
        pairs: The pairs to compare.
    """
    starts = range(0, len(pairs.first), _PAIRS_AT_ONCE)
    pieces = (pairs.where(slice(start, start + _PAIRS_AT_ONCE)) for start in starts)
    parts = [_compare(thumbnails[piece.first], others[piece.second]) for piece in pieces]
    empty = Difference(*(np.empty(0, np.float32) for _ in Difference._fields))
    return Difference(*(np.concatenate(part) for part in zip(empty, *parts, strict=True)))


def _compare(first: Thumbnails, second: Thumbnails) -> Difference:
    first, second = first.astype(np.float32), second.astype(np.float32)
    difference = first - second
    columns = difference[:, :, :-2] + difference[:, :, 1:-1] + difference[:, :, 2:]
    patches = columns[:, :-2] + columns[:, 1:-1] + columns[:, 2:]
    return Difference(
        overall=np.sqrt((difference**2).mean(axis=(1, 2))),
        local=np.abs(patches).max(axis=(1, 2)) / 9,
        contrast=np.minimum(first.std(axis=(1, 2)), second.std(axis=(1, 2))),
    )
