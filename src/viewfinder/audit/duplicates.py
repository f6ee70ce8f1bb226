"""Which pictures are the same, and which nearly: groups that a split should keep on one side.

*Exact* copies have the same bytes, or the same pixels at the same size. *Near* duplicates show the
same after another encoding, resizing, mirroring or a slight crop: hashes propose them, pixels
decide (`likeness`, `alignment`), and what belongs together through others becomes one group.

Groups of near duplicates are bounded in size. In an animation each picture is nearly its
neighbour, and without a bound all of it, or all of a set of drawings, would be one group.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewfinder.audit import alignment
from viewfinder.audit.likeness import Mask, Pairs, Rows, Thumbnails, close_pairs, coarse, compare
from viewfinder.audit.measurements import Measurements
from viewfinder.core.parallel import cores, map_ahead

# Measured on photos: encoding again and resizing change at most 4 bits; a crop of 5 %, up to 14.
_RADIUS, _CROP_RADIUS = 6, 14
# Levels. Encoding again (quality 50) or resizing to a third moves photos by less than this;
# pictures that only look alike are ten times as far apart.
_MOST_OVERALL, _MOST_LOCAL, _MOST_TINT = 6.0, 16.0, 6.0
_SHARE_OF_CONTRAST = 0.15
_CROP_LOCAL, _CROP_SHARE, _CROP_FIELDS = 20.0, 0.3, 0.45
# Small pictures have too few pixels for "moved and scaled" to mean anything.
_CROPPED_SIDE = 64
_MOST_ALIGNED, _MOST_ALIGNED_OF_FEW = 1500, 200
# What is nearly one colour has nothing to be told by.
_LEAST_CONTRAST = 3.0
LARGEST_GROUP = 64


@dataclass(frozen=True, eq=False)
class DuplicateGroups:
    """Pictures that belong together, by their rows in the measurements.

    Attributes:
        count: How many pictures there are in all.
        exact: Groups of the same picture, int64 rows, each of at least two, in order.
        near: Groups of nearly the same picture; exact copies of a member are members, too.
        unjoined: Pairs that are near duplicates but whose groups were too large to be joined.
        unaligned: Pairs that were not tried as crops of each other, for there were too many.
    """

    count: int
    exact: tuple[Rows, ...]
    near: tuple[Rows, ...]
    unjoined: int = 0
    unaligned: int = 0

    def keys(self, *, near: bool = True) -> NDArray[np.int64]:
        """A number for each picture, int64, shape `(count,)`: equal ones belong together.

        Args:
            near: Also keep near duplicates together, and not exact copies only.
        """
        keys = np.arange(self.count, dtype=np.int64)
        for group in (*self.exact, *(self.near if near else ())):
            keys[group] = group[0]
        return keys


def duplicate_groups(measurements: Measurements) -> DuplicateGroups:
    """Find the exact copies and the near duplicates among measured pictures."""
    exact = _exact_groups(measurements)
    first = np.arange(len(measurements))
    for group in exact:
        first[group] = group[0]
    # One of each is enough to compare; rejected and plain pictures cannot be compared.
    compared = (first == np.arange(len(first))) & measurements.readable
    compared &= np.asarray(measurements.table["contrast"]) >= _LEAST_CONTRAST
    rows = np.flatnonzero(compared)
    found, unaligned = _near_pairs(_Looks.of(measurements, rows))
    clusters, unjoined = joined(found.pairs, order=np.argsort(found.apart, kind="stable"))
    clusters = [[int(rows[one]) for one in cluster] for cluster in clusters]
    members = defaultdict(list)
    for row, representative in enumerate(first):
        members[int(representative)].append(row)
    near = (sorted(row for one in cluster for row in members[one]) for cluster in clusters)
    groups = sorted((np.array(group, np.int64) for group in near), key=lambda group: int(group[0]))
    return DuplicateGroups(len(first), exact, tuple(groups), unjoined, unaligned)


def _exact_groups(measurements: Measurements) -> tuple[Rows, ...]:
    """Rows with the same bytes or the same pixels, joined where one leads to the other."""
    readable = np.flatnonzero(measurements.readable)
    chains: list[tuple[int, int]] = []
    for column in ("content", "pixels"):
        # A dictionary, for pandas takes a tenth of a millisecond for each group.
        last: dict[str, int] = {}
        for row, value in zip(
            readable.tolist(), measurements.table[column].iloc[readable], strict=True
        ):
            if value in last:
                chains.append((last[value], row))
            last[value] = row
    linked = np.array(chains, np.int64).reshape(-1, 2)
    groups, _ = joined(Pairs(linked[:, 0], linked[:, 1]), largest=len(measurements))
    return tuple(np.array(group, np.int64) for group in groups)


def joined(
    pairs: Pairs, order: Rows | None = None, largest: int = LARGEST_GROUP
) -> tuple[list[list[int]], int]:
    """Groups of what is connected by pairs (union-find, by size, with path halving).

    Args:
        pairs: Rows that belong together.
        order: The order in which pairs are joined, int64; the closest should come first.
        largest: No group grows beyond this.

    Returns:
        The groups, sorted, each of sorted rows; and how many pairs were left apart by `largest`.
    """
    parent: dict[int, int] = {}
    size: dict[int, int] = {}

    def root(row: int) -> int:
        parent.setdefault(row, row)
        while parent[row] != row:
            parent[row] = row = parent[parent[row]]
        return row

    unjoined = 0
    for place in range(len(pairs.first)) if order is None else order:
        one, other = sorted(
            (root(int(pairs.first[place])), root(int(pairs.second[place]))),
            key=lambda row: size.get(row, 1),
        )
        together = size.get(one, 1) + size.get(other, 1)
        if one != other and together <= largest:
            parent[one], size[other] = other, together
        elif one != other:
            unjoined += 1
    groups = defaultdict(list)
    for row in sorted(parent):
        groups[root(row)].append(row)
    return sorted(group for group in groups.values() if len(group) > 1), unjoined


@dataclass(frozen=True, eq=False)
class _Looks:
    """What pictures are compared by: hashes, thumbnails, colours, and the shorter side."""

    hashes: NDArray[np.uint64]
    mirrored_hashes: NDArray[np.uint64]
    thumbnails: Thumbnails
    tints: NDArray[np.uint8]
    sides: NDArray[np.int64]

    @classmethod
    def of(cls, measurements: Measurements, rows: Rows) -> "_Looks":
        """Those of some pictures."""
        table = measurements.table.iloc[rows]
        return cls(
            table["hash"].to_numpy(np.uint64),
            table["mirrored_hash"].to_numpy(np.uint64),
            measurements.thumbnails[rows],
            measurements.tints[rows],
            table[["width", "height"]].to_numpy(np.int64).min(axis=1, initial=1 << 31),
        )

    def mirrored(self) -> "_Looks":
        """The same of the pictures' mirror images."""
        return _Looks(
            self.mirrored_hashes,
            self.hashes,
            np.ascontiguousarray(self.thumbnails[:, :, ::-1]),
            self.tints[:, :, ::-1],
            self.sides,
        )


@dataclass(frozen=True, eq=False)
class _Found:
    """Pairs of near duplicates, and how far apart they are in levels."""

    pairs: Pairs
    apart: NDArray[np.float32]


def _near_pairs(looks: _Looks) -> tuple[_Found, int]:
    """All near duplicates, and how many candidates were not tried as crops."""
    found: list[_Found] = []
    unaligned = 0
    for others in (looks, looks.mirrored()):
        alike = _alike(looks, others)
        crops, left = _crops(looks, others, alike.pairs)
        found += [alike, crops]
        unaligned += left
    pairs = Pairs(*(np.concatenate(part) for part in zip(*(one.pairs for one in found))))  # noqa: B905
    return _Found(pairs, np.concatenate([one.apart for one in found])), unaligned


def _alike(looks: _Looks, others: _Looks) -> _Found:
    """Pairs that are the same as they are."""
    fields, other_fields = coarse(looks.thumbnails), coarse(others.thumbnails)

    def may_be(pairs: Pairs) -> Mask:
        one, other = fields[pairs.first], other_fields[pairs.second]
        # The larger less the smaller, so that no level wraps around.
        apart = np.maximum(one, other) - np.minimum(one, other)
        return np.asarray(apart.max(axis=1, initial=0) <= _MOST_LOCAL)

    pairs = close_pairs(looks.hashes, others.hashes, _RADIUS, may_be)
    difference = compare(looks.thumbnails, others.thumbnails, pairs)
    bound = np.minimum(_MOST_OVERALL, 1 + _SHARE_OF_CONTRAST * difference.contrast)
    same = (difference.overall <= bound) & (difference.local <= _MOST_LOCAL)
    same &= _tint_apart(looks, others, pairs) <= _MOST_TINT
    return _Found(pairs.where(same), difference.overall[same])


def _crops(looks: _Looks, others: _Looks, known: Pairs) -> tuple[_Found, int]:
    """Pairs that are the same once one is moved and scaled; the most alike are tried."""
    large = np.flatnonzero(looks.sides >= _CROPPED_SIDE)
    one, other = _fields(looks.thumbnails[large]), _fields(others.thumbnails[large])
    contrast = looks.thumbnails[large].std(axis=(1, 2))

    def apart(pairs: Pairs) -> NDArray[np.float32]:
        squares = ((one[pairs.first] - other[pairs.second]) ** 2).mean(axis=1)
        return np.asarray(np.sqrt(squares) / contrast[pairs.first], np.float32)

    pairs = close_pairs(
        looks.hashes[large],
        others.hashes[large],
        _CROP_RADIUS,
        lambda pairs: apart(pairs) <= _CROP_FIELDS,
    )
    closest = np.argsort(apart(pairs), kind="stable")
    pairs = _without(Pairs(large[pairs.first[closest]], large[pairs.second[closest]]), known)
    pairs = pairs.where(_tint_apart(looks, others, pairs) <= 2 * _MOST_TINT)
    most = min(_MOST_ALIGNED, max(_MOST_ALIGNED_OF_FEW, len(looks.sides)))
    tried = np.arange(min(most, len(pairs.first)))
    candidates = Pairs(pairs.first[tried], pairs.second[tried])
    fits = _fits(looks, others, candidates)
    levels = looks.thumbnails[candidates.first].std(axis=(1, 2))
    same = (fits[:, 0] <= _CROP_SHARE * levels) & (fits[:, 1] <= _CROP_LOCAL)
    return _Found(candidates.where(same), fits[same, 0]), len(pairs.first) - len(tried)


def _fields(thumbnails: Thumbnails) -> NDArray[np.float32]:
    """The mean levels of 8 × 8 fields, shape `(n, 64)`: what a slight crop hardly changes."""
    means = thumbnails.reshape(-1, 8, 4, 8, 4).mean(axis=(2, 4), dtype=np.float32)
    return np.asarray(means.reshape(-1, 64), np.float32)


def _without(pairs: Pairs, known: Pairs) -> Pairs:
    """The pairs that are not among the known."""
    done = set(zip(known.first.tolist(), known.second.tolist(), strict=True))
    rows = zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
    return pairs.where(np.array([pair not in done for pair in rows], np.bool_))


def _fits(looks: _Looks, others: _Looks, pairs: Pairs) -> NDArray[np.float32]:
    """Overall and local difference of each pair after its alignment, shape `(m, 2)`."""

    def one(pair: tuple[int, int]) -> alignment.Fit:
        return alignment.fit(looks.thumbnails[pair[0]], others.thumbnails[pair[1]])

    fits = list(map_ahead(one, zip(*pairs, strict=True), workers=cores()))
    return np.array(fits, np.float32).reshape(-1, 2)


def _tint_apart(looks: _Looks, others: _Looks, pairs: Pairs) -> NDArray[np.float32]:
    """Root mean square of the colours' difference, float32, shape `(m,)`."""
    apart = looks.tints[pairs.first].astype(np.float32) - others.tints[pairs.second]
    return np.asarray(np.sqrt((apart**2).mean(axis=(1, 2, 3))), np.float32)
