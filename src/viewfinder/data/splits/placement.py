"""Which group of pictures goes to which split or fold: the rules, in numbers only.

Groups are placed whole. A picture that belongs to no group is a group of one. Groups are taken in
the order of a hash of (seed, the smallest id of their pictures), so the order depends neither on
the rows' order nor on the other groups.

*Splits* (`assign_splits`), class by class:

1. A split needs `round(n × fraction)` of the class's n pictures, and at least one.
2. It takes the groups in hash order, each if it still fits; then also the smallest remaining one,
   if that brings it closer to what it needs, or if it would otherwise have none.
3. It leaves a group for each split that has none yet, training included. Training takes the rest.

A split therefore differs from its fraction by at most half of a remaining group, and not at all
where enough pictures stand alone.

*Folds* (`assign_folds`): the largest groups first, in hash order among equals, each to the fold
with the fewest pictures of the class. Two folds differ by at most the class's largest group.

A group with pictures of several classes is placed before those of one class, the largest first, in
the split or fold where it brings the counts of its classes closest to what is needed (the sum of
squares, in shares of each class). Then each is moved, the smallest first, while that leaves fewer
classes without a picture in a split or fold, or brings the counts closer. (This is the rule of
scikit-learn's `StratifiedGroupKFold`, largest groups first, with another measure and the moves.)
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.randomness import Ids, Randomness

Ints = NDArray[np.int64]

# Costs that differ by less are equal but for rounding.
_EQUAL = 1e-9
# Moves of groups of several classes end after a few passes; this bounds them.
_MOST_PASSES = 20
# Above so many groups of several classes, moves serve only classes that a part lacks.
_MANY = 10_000


class TooFewGroups(Exception):
    """A class has fewer groups than the splits or folds that need one.

    Attributes:
        label: The index of the class.
        needed: The number of groups needed.
        received: The number of groups available.
    """

    def __init__(self, label: int, needed: int, received: int) -> None:
        super().__init__(f"class {label}: {received} groups, {needed} needed")
        self.label, self.needed, self.received = label, needed, received


@dataclass(frozen=True, eq=False)
class OrderedGroups:
    """Pictures in groups, numbered in hash order.

    Attributes:
        numbers: Each picture's group, int64, shape `(n,)`.
        labels: Each picture's class index, int64, shape `(n,)`.
        group: The group of each (group, class) pair, int64, shape `(m,)`, ascending.
        label: The class index of each pair.
        count: The number of pictures of each pair.
        is_mixed: For each group, whether it has pictures of several classes.
    """

    numbers: Ints
    labels: Ints
    group: Ints
    label: Ints
    count: Ints
    is_mixed: NDArray[np.bool_]

    @classmethod
    def of(
        cls, operation: str, seed: int, examples: Ids, labels: Ints, keys: Ints | None
    ) -> "OrderedGroups":
        """Number the groups of pictures in hash order.

        Args:
            operation: The name of the random stream.
            seed: Determines the order.
            examples: The pictures' ids, uint64, shape `(n,)`.
            labels: The pictures' class indices, shape `(n,)`.
            keys: Pictures with equal keys form a group, shape `(n,)`; None: each stands alone.
        """
        group = np.arange(len(examples))
        if keys is not None:
            first, group = np.unique(keys, return_inverse=True)
            smallest = np.full(len(first), np.iinfo(np.uint64).max, np.uint64)
            np.minimum.at(smallest, group, examples)
            examples = smallest
        order = Randomness(seed).order(operation, epoch=-1, examples=examples)
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order))
        numbers = ranks[group]
        classes = int(labels.max(initial=0)) + 1
        pairs, count = np.unique(numbers * classes + labels, return_counts=True)
        pair_group, pair_label = pairs // classes, pairs % classes
        is_mixed = np.bincount(pair_group, minlength=len(order)) > 1
        return cls(numbers, labels, pair_group, pair_label, count, is_mixed)

    def mixed(self) -> Iterator[tuple[int, Ints, Ints]]:
        """Yield each group of several classes, the largest first: number, classes and counts."""
        rows = np.flatnonzero(self.is_mixed[self.group])
        starts = np.flatnonzero(np.diff(self.group[rows], prepend=-1))
        if not len(rows):
            return
        group, label, count = self.group[rows], self.label[rows], self.count[rows]
        ends = np.append(starts[1:], len(rows)).tolist()
        sizes = np.add.reduceat(count, starts)
        for index in np.argsort(-sizes, kind="stable").tolist():
            part = slice(starts[index], ends[index])
            yield int(group[starts[index]]), label[part], count[part]

    def pure(self) -> Iterator[tuple[int, Ints, Ints]]:
        """Yield each class that has pictures: its index, its unmixed groups in order, and sizes."""
        rows = np.flatnonzero(~self.is_mixed[self.group])
        rows = rows[np.argsort(self.label[rows], kind="stable")]
        present = np.unique(self.label)
        bounds = np.searchsorted(self.label[rows], [present, present + 1])
        for label, start, end in zip(present.tolist(), *bounds, strict=True):
            part = rows[start:end]
            yield label, self.group[part], self.count[part]


def assign_splits(groups: OrderedGroups, wanted: Ints, filled: Ints) -> Ints:
    """Assign each picture to a split.

    Args:
        groups: The pictures.
        wanted: The final number of pictures of each class in each split, shape
            `(classes, splits)`. Split 0 takes the rest.
        filled: The number of pictures placed already, same shape.

    Returns:
        The index of each picture's split, int64, shape `(n,)`.

    Raises:
        TooFewGroups: A class has fewer groups than there are splits without a picture of it.
    """
    _require_enough(groups, filled == 0)
    split_of = _assign_mixed(groups, wanted, filled)
    needed = wanted - filled
    rows = np.flatnonzero(groups.is_mixed[groups.group])
    np.subtract.at(needed, (groups.label[rows], split_of[groups.group[rows]]), groups.count[rows])
    for label, numbers, sizes in groups.pure():
        lacking = needed[label] == wanted[label]
        for split in range(1, wanted.shape[1]):
            need = int(needed[label, split])
            is_empty = bool(lacking[split])
            lacking[split] = False
            taken = _taken(sizes, need, keep=int(lacking.sum()), needs_one=is_empty)
            split_of[numbers[taken]] = split
            numbers, sizes = np.delete(numbers, taken), np.delete(sizes, taken)
    return split_of[groups.numbers]


def assign_folds(groups: OrderedGroups, filled: Ints) -> Ints:
    """Assign each picture to a fold.

    Args:
        groups: The pictures.
        filled: The number of pictures of each class in each fold already, shape
            `(classes, folds)`.

    Returns:
        The index of each picture's fold, int64, shape `(n,)`.

    Raises:
        TooFewGroups: A class has fewer groups than there are folds without a picture of it.
    """
    _require_enough(groups, filled == 0)
    filled = filled.copy()
    folds = filled.shape[1]
    total = filled.sum(axis=1)
    np.add.at(total, groups.label, groups.count)
    wanted = np.broadcast_to(total[:, None] / folds, filled.shape)
    fold_of = _assign_mixed(groups, wanted, filled)
    rows = np.flatnonzero(groups.is_mixed[groups.group])
    np.add.at(filled, (groups.label[rows], fold_of[groups.group[rows]]), groups.count[rows])
    for label, numbers, sizes in groups.pure():
        # Ties within the class go to the fold with the fewest pictures overall.
        fewest = [(int(filled[label, k]), int(filled[:, k].sum()), k) for k in range(folds)]
        heapq.heapify(fewest)
        order = np.argsort(-sizes, kind="stable")
        for number, size in zip(numbers[order].tolist(), sizes[order].tolist(), strict=True):
            count, overall, fold = fewest[0]
            fold_of[number] = fold
            heapq.heapreplace(fewest, (count + size, overall + size, fold))
        for count, _, fold in fewest:
            filled[label, fold] = count
    return fold_of[groups.numbers]


def _require_enough(groups: OrderedGroups, lacking: NDArray[np.bool_]) -> None:
    """Raise `TooFewGroups` where a class has fewer groups than parts that lack it."""
    available = np.bincount(groups.label, minlength=len(lacking))
    for label in np.unique(groups.label).tolist():
        if lacking[label].sum() > available[label]:
            raise TooFewGroups(label, int(lacking[label].sum()), int(available[label]))


def _assign_mixed(groups: OrderedGroups, wanted: NDArray[np.number], filled: Ints) -> Ints:
    """Assign the groups of several classes to parts (splits or folds).

    Args:
        groups: The groups; those of one class are left at 0.
        wanted: The final number of pictures of each class in each part, shape `(classes, parts)`.
        filled: The number of pictures placed already, same shape.

    Returns:
        The index of each group's part, int64.
    """
    part_of = np.zeros(len(groups.is_mixed), np.int64)
    mixed = list(groups.mixed())
    if not mixed:
        return part_of
    filled = filled.copy()
    totals = np.maximum(wanted.sum(axis=1), 1)
    is_pure = ~groups.is_mixed[groups.group]
    spare = np.bincount(groups.label[is_pure], minlength=len(filled))

    def cost(labels: Ints, placed: Ints) -> NDArray[np.float64]:
        """For each part, the cost with `placed` pictures in it: a class missing, or uneven.

        Up to a constant: only differences between parts count.
        """
        if filled[labels].all():  # no class is missing anywhere
            return -_gain(wanted[labels] - filled[labels], placed, totals[labels])
        added = placed[None, :, None] * np.eye(filled.shape[1], dtype=np.int64)[:, None, :]
        counts = filled[labels] + added
        missing = np.maximum(0, (counts == 0).sum(axis=2) - spare[labels]).sum(axis=1)
        uneven = ((counts - wanted[labels]) ** 2 / totals[labels, None]).sum(axis=(1, 2))
        return np.asarray(missing * totals.sum() + uneven, np.float64)

    for group, labels, counts in mixed:
        need = wanted[labels] - filled[labels]
        gain = _gain(need, counts, totals[labels])
        equal = np.flatnonzero(gain >= gain.max() - _EQUAL)
        best = equal[filled[:, equal].sum(axis=0).argmin()] if len(equal) > 1 else equal[0]
        part_of[group] = best
        filled[labels, best] += counts
    if len(mixed) > _MANY and filled[np.unique(groups.label)].all():
        return part_of  # so many groups are even without moves
    for _ in range(_MOST_PASSES):
        before = part_of.copy()
        for group, labels, counts in reversed(mixed):
            filled[labels, part_of[group]] -= counts
            costs = cost(labels, counts)
            if costs.min() < costs[part_of[group]] - _EQUAL:
                part_of[group] = costs.argmin()
            filled[labels, part_of[group]] += counts
        if (part_of == before).all():
            break
    return part_of


def _gain(
    need: NDArray[np.number], counts: Ints, totals: NDArray[np.number]
) -> NDArray[np.float64]:
    """How much closer a group with these counts brings each part to what it needs."""
    added = counts[:, None]
    return np.asarray(((2 * need - added) * added / totals[:, None]).sum(axis=0))


def _taken(sizes: Ints, need: int, *, keep: int, needs_one: bool) -> Ints:
    """The indices of the groups that a split takes.

    Args:
        sizes: The sizes of the remaining groups, in hash order.
        need: The number of pictures that the split still needs.
        keep: The number of groups to leave for other splits.
        needs_one: Whether the split must take one.
    """
    most = max(0, len(sizes) - keep)
    if len(sizes) and sizes.max() == 1:
        return np.arange(min(max(need, int(needs_one)), most))
    taken: list[int] = []
    for index, size in enumerate(sizes.tolist()):
        if need <= 0 or len(taken) == most:
            break
        if size <= need:
            taken.append(index)
            need -= size
    rest = np.delete(np.arange(len(sizes)), taken)
    if len(taken) < most:
        smallest = rest[sizes[rest].argmin()]
        if sizes[smallest] < 2 * need or (needs_one and not taken):
            taken.append(int(smallest))
    return np.array(taken, np.int64)
