"""Groups of exact and near duplicates, which a split should not separate.

*Exact* duplicates have equal bytes, or equal pixels at equal size. *Near* duplicates are equal up
to encoding, resizing, mirroring or a slight crop: hashes select candidates, pixels decide
(`likeness`, `alignment`), and the connected components are the groups.

Groups of near duplicates are bounded in size. In an animation each picture resembles the next one,
so without a bound a whole animation, or a whole set of drawings, would be one group.

Comparing takes up to 2 s for some thousand pictures, and a search asks several times, so the pairs
found are stored in the user's cache, under a hash of what was compared.
"""

import hashlib
import zipfile
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viewfinder.audit import alignment
from viewfinder.audit.likeness import Mask, Pairs, Rows, Thumbnails, close_pairs, coarse, compare
from viewfinder.audit.measurements import Measurements
from viewfinder.core.errors import OutputError
from viewfinder.core.files import cache_folder, written_whole
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.data.splits.groups import Groups, by_column, connected

# Measured on photos: encoding again and resizing change at most 4 bits, a crop of 5 % up to 14.
_RADIUS, _CROP_RADIUS = 6, 14
# In levels. Encoding again (quality 50) or resizing to a third changes photos by less than this;
# merely similar pictures differ ten times as much.
_MOST_OVERALL, _MOST_LOCAL, _MOST_TINT = 6.0, 16.0, 6.0
_SHARE_OF_CONTRAST = 0.15
_CROP_LOCAL, _CROP_SHARE, _CROP_FIELDS = 20.0, 0.3, 0.45
# Smaller pictures have too few pixels for an alignment.
_CROPPED_SIDE = 64
_MOST_ALIGNED, _MOST_ALIGNED_OF_FEW = 1500, 200
# Pictures of nearly one colour cannot be compared.
_LEAST_CONTRAST = 3.0
LARGEST_GROUP = 64
# To be raised when other pairs are found in the same pictures.
_PAIRS_VERSION = 1


@dataclass(frozen=True, eq=False)
class DuplicateGroups:
    """Groups of duplicates, by rows in the measurements.

    Attributes:
        count: The number of pictures.
        exact: Groups of exact duplicates, sorted int64 rows, at least two each.
        near: Groups of near duplicates, including the exact duplicates of each member.
        unjoined: The number of near pairs that would have made a group too large.
        unaligned: The number of pairs not tried as crops, beyond a limit.
    """

    count: int
    exact: tuple[Rows, ...]
    near: tuple[Rows, ...]
    unjoined: int = 0
    unaligned: int = 0

    def as_groups(self) -> Groups:
        """Return the groups that a split keeps whole; those of exact duplicates are required."""
        return Groups(connected(self.keys()), self.keys(near=False), "groups of duplicates")

    def keys(self, *, near: bool = True) -> NDArray[np.int64]:
        """Return a group number for each picture, int64, shape `(count,)`.

        Args:
            near: Whether near duplicates share a number too, not exact duplicates only.
        """
        keys = np.arange(self.count, dtype=np.int64)
        for group in (*self.exact, *(self.near if near else ())):
            keys[group] = group[0]
        return keys


def duplicate_groups(measurements: Measurements) -> DuplicateGroups:
    """Find the exact and near duplicates among measured pictures."""
    exact = _exact_groups(measurements)
    first = np.arange(len(measurements))
    for group in exact:
        first[group] = group[0]
    # One picture of each exact group suffices; rejected and plain pictures cannot be compared.
    compared = (first == np.arange(len(first))) & measurements.readable
    compared &= np.asarray(measurements.table["contrast"]) >= _LEAST_CONTRAST
    rows = np.flatnonzero(compared)
    found = _near_pairs(_Looks.of(measurements, rows))
    clusters, unjoined = joined(found.pairs, found.differences)
    members = defaultdict(list)
    for row, representative in enumerate(first):
        members[int(representative)].append(row)
    near = (
        sorted(row for index in cluster for row in members[int(rows[index])])
        for cluster in clusters
    )
    groups = sorted((np.array(group, np.int64) for group in near), key=lambda group: int(group[0]))
    return DuplicateGroups(len(first), exact, tuple(groups), unjoined, found.unaligned)


def _exact_groups(measurements: Measurements) -> tuple[Rows, ...]:
    """Return the connected components of rows with equal bytes or equal pixels."""
    readable = np.flatnonzero(measurements.readable)
    table = measurements.table.iloc[readable]
    keys = connected(by_column(table, "content"), by_column(table, "pixels"))
    order = np.argsort(keys, kind="stable")
    groups = np.split(readable[order], np.flatnonzero(np.diff(keys[order])) + 1)
    return tuple(group.astype(np.int64) for group in groups if len(group) > 1)


def joined(
    pairs: Pairs, differences: NDArray[np.floating], largest: int = LARGEST_GROUP
) -> tuple[list[list[int]], int]:
    """Join pairs, the closest first, to groups of bounded size (union-find, with path halving).

    Returns:
        The groups, sorted, each of sorted rows; and the number of pairs not joined, because a group
        would have become too large.
    """
    parent: dict[int, int] = {}
    size: dict[int, int] = {}

    def root(row: int) -> int:
        parent.setdefault(row, row)
        while parent[row] != row:
            parent[row] = row = parent[parent[row]]
        return row

    unjoined = 0
    for index in np.argsort(differences, kind="stable"):
        pair = root(int(pairs.first[index])), root(int(pairs.second[index]))
        smaller, larger = sorted(pair, key=lambda row: size.get(row, 1))
        total = size.get(smaller, 1) + size.get(larger, 1)
        if smaller != larger and total <= largest:
            parent[smaller], size[larger] = larger, total
        elif smaller != larger:
            unjoined += 1
    groups = defaultdict(list)
    for row in sorted(parent):
        groups[root(row)].append(row)
    return sorted(group for group in groups.values() if len(group) > 1), unjoined


@dataclass(frozen=True, eq=False)
class _Looks:
    """The features to compare: hashes, thumbnails, colours, and the shorter side."""

    hashes: NDArray[np.uint64]
    mirrored_hashes: NDArray[np.uint64]
    thumbnails: Thumbnails
    tints: NDArray[np.uint8]
    sides: NDArray[np.int64]

    @classmethod
    def of(cls, measurements: Measurements, rows: Rows) -> "_Looks":
        """Select some pictures."""
        table = measurements.table.iloc[rows]
        return cls(
            table["hash"].to_numpy(np.uint64),
            table["mirrored_hash"].to_numpy(np.uint64),
            measurements.thumbnails[rows],
            measurements.tints[rows],
            table[["width", "height"]].to_numpy(np.int64).min(axis=1, initial=1 << 31),
        )

    def key(self) -> str:
        """Return a hash of everything that is compared."""
        found = hashlib.blake2b(f"{_PAIRS_VERSION} {len(self.sides)}".encode(), digest_size=16)
        for values in vars(self).values():
            found.update(np.ascontiguousarray(values).data)
        return found.hexdigest()

    def mirrored(self) -> "_Looks":
        """Return the features of the mirror images."""
        return _Looks(
            self.mirrored_hashes,
            self.hashes,
            np.ascontiguousarray(self.thumbnails[:, :, ::-1]),
            self.tints[:, :, ::-1],
            self.sides,
        )


@dataclass(frozen=True, eq=False)
class _Found:
    """Pairs of near duplicates, their differences in levels, and how many were not aligned."""

    pairs: Pairs
    differences: NDArray[np.float32]
    unaligned: int = 0

    @classmethod
    def together(cls, parts: "list[_Found]") -> "_Found":
        """Join what was found, part after part."""
        return cls(
            Pairs(
                *(np.concatenate(rows) for rows in zip(*(one.pairs for one in parts), strict=True))
            ),
            np.concatenate([one.differences for one in parts]),
            sum(one.unaligned for one in parts),
        )

    @classmethod
    def read(cls, path: Path) -> "_Found | None":
        """Return what is stored in this file; None without one, or where it is damaged."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                pairs = Pairs(stored["first"], stored["second"])
                return cls(pairs, stored["differences"], int(stored["unaligned"]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def write(self, path: Path) -> None:
        """Store this; a cache that cannot be written costs time, and nothing else."""
        arrays = {**self.pairs._asdict(), "differences": self.differences}
        with suppress(OutputError), written_whole(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays, unaligned=self.unaligned)


def _near_pairs(looks: _Looks) -> _Found:
    """Return all near duplicates; from the cache, if the same pictures were compared before."""
    path = cache_folder() / "duplicates" / f"{looks.key()}.npz"
    found = _Found.read(path)
    if found is None:
        found = _compared(looks)
        found.write(path)
    return found


def _compared(looks: _Looks) -> _Found:
    found: list[_Found] = []
    for others in (looks, looks.mirrored()):
        direct = _direct_pairs(looks, others)
        found += [direct, _crops(looks, others, direct.pairs)]
    return _Found.together(found)


def _direct_pairs(looks: _Looks, others: _Looks) -> _Found:
    """Return the near duplicates that match without alignment."""
    fields, other_fields = coarse(looks.thumbnails), coarse(others.thumbnails)

    def may_match(pairs: Pairs) -> Mask:
        first, second = fields[pairs.first], other_fields[pairs.second]
        # The larger less the smaller, because uint8 wraps around below 0.
        difference = np.maximum(first, second) - np.minimum(first, second)
        return np.asarray(difference.max(axis=1, initial=0) <= _MOST_LOCAL)

    pairs = close_pairs(looks.hashes, others.hashes, _RADIUS, may_match)
    difference = compare(looks.thumbnails, others.thumbnails, pairs)
    bound = np.minimum(_MOST_OVERALL, 1 + _SHARE_OF_CONTRAST * difference.contrast)
    same = (difference.overall <= bound) & (difference.local <= _MOST_LOCAL)
    same &= _tint_difference(looks, others, pairs) <= _MOST_TINT
    return _Found(pairs.where(same), difference.overall[same])


def _crops(looks: _Looks, others: _Looks, known: Pairs) -> _Found:
    """Return the near duplicates that match after alignment, trying the most similar pairs."""
    large = np.flatnonzero(looks.sides >= _CROPPED_SIDE)
    fields, other_fields = _fields(looks.thumbnails[large]), _fields(others.thumbnails[large])
    contrast = looks.thumbnails[large].std(axis=(1, 2))

    def difference(pairs: Pairs) -> NDArray[np.float32]:
        squares = ((fields[pairs.first] - other_fields[pairs.second]) ** 2).mean(axis=1)
        return np.asarray(np.sqrt(squares) / contrast[pairs.first], np.float32)

    pairs = close_pairs(
        looks.hashes[large],
        others.hashes[large],
        _CROP_RADIUS,
        lambda pairs: difference(pairs) <= _CROP_FIELDS,
    )
    closest = np.argsort(difference(pairs), kind="stable")
    pairs = _without(Pairs(large[pairs.first[closest]], large[pairs.second[closest]]), known)
    pairs = pairs.where(_tint_difference(looks, others, pairs) <= 2 * _MOST_TINT)
    most = min(_MOST_ALIGNED, max(_MOST_ALIGNED_OF_FEW, len(looks.sides)))
    candidates = pairs.where(slice(most))
    fits = _fits(looks, others, candidates)
    levels = looks.thumbnails[candidates.first].std(axis=(1, 2))
    same = (fits[:, 0] <= _CROP_SHARE * levels) & (fits[:, 1] <= _CROP_LOCAL)
    untried = len(pairs.first) - len(candidates.first)
    return _Found(candidates.where(same), fits[same, 0], untried)


def _fields(thumbnails: Thumbnails) -> NDArray[np.float32]:
    """Return the mean levels of 8 × 8 fields, `(n, 64)`, which a slight crop hardly changes."""
    means = thumbnails.reshape(-1, 8, 4, 8, 4).mean(axis=(2, 4), dtype=np.float32)
    return np.asarray(means.reshape(-1, 64), np.float32)


def _without(pairs: Pairs, known: Pairs) -> Pairs:
    """Return the pairs that are not known."""
    done = set(zip(known.first.tolist(), known.second.tolist(), strict=True))
    rows = zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
    return pairs.where(np.array([pair not in done for pair in rows], np.bool_))


def _fits(looks: _Looks, others: _Looks, pairs: Pairs) -> NDArray[np.float32]:
    """Return the overall and local difference of each pair after alignment, shape `(m, 2)`."""

    def fit(pair: tuple[int, int]) -> alignment.Fit:
        return alignment.fit(looks.thumbnails[pair[0]], others.thumbnails[pair[1]])

    fits = list(map_ahead(fit, zip(*pairs, strict=True), workers=cores()))
    return np.array(fits, np.float32).reshape(-1, 2)


def _tint_difference(looks: _Looks, others: _Looks, pairs: Pairs) -> NDArray[np.float32]:
    """Return the root mean square difference of colours, float32, shape `(m,)`."""
    difference = looks.tints[pairs.first].astype(np.float32) - others.tints[pairs.second]
    return np.asarray(np.sqrt((difference**2).mean(axis=(1, 2, 3))), np.float32)
