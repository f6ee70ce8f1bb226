"""Which group of pictures goes where: the rule behind every split, in numbers only.

Groups are placed whole. A picture that belongs to no other is a group of one. Their order is drawn
by hashing (seed, the least of their pictures' ids), so it does not depend on the order of the rows,
nor on what other groups there are.

*Shares* (`share_out`), class by class:

1. A split wants `round(n × fraction)` of the class's n pictures, but at least one.
2. It takes the groups in the drawn order, each if it still fits; then also the smallest that is
   left over, where that comes closer to what it wants, or where it would have none.
3. It leaves a group for each split that has none yet, training among them. What is left over by
   all is for training.

So a split is off by at most half of a group that was left, and by nothing where there are pictures
enough that stand alone.

*Folds* (`deal`): the largest groups first, in the drawn order, each to the fold with the fewest
pictures of the class. Two folds differ by at most the class's largest group.

A group with pictures of several classes is placed before those, the largest first, where it brings
the counts of its classes closest to what is wanted (the sum of squares, in shares of each class).
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.randomness import Ids, Randomness

Ints = NDArray[np.int64]


class TooFewGroups(Exception):
    """A class has fewer groups than places that need one.

    Attributes:
        label: The class, as its number.
        needed: How many groups it takes.
        received: How many there are to take from.
    """

    def __init__(self, label: int, needed: int, received: int) -> None:
        super().__init__(f"class {label}: {received} groups for {needed} places")
        self.label, self.needed, self.received = label, needed, received


@dataclass(frozen=True, eq=False)
class DrawnGroups:
    """Pictures in groups that are numbered in the order in which they are drawn.

    Attributes:
        numbers: Each picture's group, int64, shape `(n,)`.
        labels: Each picture's class, int64, shape `(n,)`.
        group: The group of each pair of a group and one of its classes, int64, shape `(m,)`,
            rising.
        label: The class of each pair.
        count: How many pictures each pair has.
        is_mixed: For each group, whether it has pictures of several classes.
    """

    numbers: Ints
    labels: Ints
    group: Ints
    label: Ints
    count: Ints
    is_mixed: NDArray[np.bool_]

    @classmethod
    def draw(
        cls, operation: str, seed: int, examples: Ids, labels: Ints, keys: Ints | None
    ) -> "DrawnGroups":
        """Draw the order of the groups.

        Args:
            operation: What the draw is for.
            seed: Decides it.
            examples: The pictures' ids, uint64, shape `(n,)`.
            labels: Their classes, from 0, shape `(n,)`.
            keys: Equal ones belong together, shape `(n,)`; None: each picture stands alone.
        """
        group = np.arange(len(examples))
        if keys is not None:
            first, group = np.unique(keys, return_inverse=True)
            least = np.full(len(first), np.iinfo(np.uint64).max, np.uint64)
            np.minimum.at(least, group, examples)
            examples = least
        drawn = Randomness(seed).order(operation, epoch=-1, examples=examples)
        places = np.empty(len(drawn), np.int64)
        places[drawn] = np.arange(len(drawn))
        numbers = places[group]
        classes = int(labels.max(initial=0)) + 1
        pairs, count = np.unique(numbers * classes + labels, return_counts=True)
        of_group, of_label = pairs // classes, pairs % classes
        is_mixed = np.bincount(of_group, minlength=len(drawn)) > 1
        return cls(numbers, labels, of_group, of_label, count, is_mixed)

    def mixed(self) -> Iterator[tuple[int, Ints, Ints]]:
        """Each group of several classes, the largest first: its number, classes and counts."""
        rows = np.flatnonzero(self.is_mixed[self.group])
        starts = np.flatnonzero(np.diff(self.group[rows], prepend=-1))
        parts = np.split(rows, starts[1:]) if len(rows) else []
        sizes = np.array([self.count[part].sum() for part in parts])
        for place in np.argsort(-sizes, kind="stable"):
            part = parts[place]
            yield int(self.group[part[0]]), self.label[part], self.count[part]

    def alone(self) -> Iterator[tuple[int, Ints, Ints]]:
        """Each class that has pictures: its number, its own groups in the order drawn, and sizes.

        Groups of several classes are left out.
        """
        rows = np.flatnonzero(~self.is_mixed[self.group])
        rows = rows[np.argsort(self.label[rows], kind="stable")]
        present = np.unique(self.label)
        bounds = np.searchsorted(self.label[rows], [present, present + 1])
        for label, start, end in zip(present.tolist(), *bounds, strict=True):
            part = rows[start:end]
            yield label, self.group[part], self.count[part]


def share_out(drawn: DrawnGroups, wanted: Ints, filled: Ints) -> Ints:
    """Place each picture by the rule of shares.

    Args:
        drawn: The pictures.
        wanted: How many pictures of each class each place should have in the end, shape
            `(classes, places)`. Place 0 takes what is left over.
        filled: How many it has already, same shape.

    Returns:
        Each picture's place, int64, shape `(n,)`.

    Raises:
        TooFewGroups: A class cannot give each place a group.
    """
    needed = wanted - filled
    totals = wanted.sum(axis=1)
    place_of = np.zeros(len(drawn.is_mixed), np.int64)
    for group, labels, counts in drawn.mixed():
        gain = _gain(needed[labels], counts, totals[labels])
        place_of[group] = best = int(gain.argmax())
        needed[labels, best] -= counts
    for label, groups, sizes in drawn.alone():
        lacking = needed[label] == wanted[label]
        if lacking.sum() > len(groups):
            raise TooFewGroups(label, int(lacking.sum()), len(groups))
        for place in range(1, wanted.shape[1]):
            left = int(needed[label, place])
            lacks = bool(lacking[place])
            lacking[place] = False
            taken = _taken(sizes, left, keep=int(lacking.sum()), needs_one=lacks)
            place_of[groups[taken]] = place
            groups, sizes = np.delete(groups, taken), np.delete(sizes, taken)
    return place_of[drawn.numbers]


def deal(drawn: DrawnGroups, filled: Ints) -> Ints:
    """Place each picture by the rule of folds.

    Args:
        drawn: The pictures.
        filled: How many pictures of each class each fold has already, shape `(classes, folds)`.

    Returns:
        Each picture's fold, int64, shape `(n,)`.

    Raises:
        TooFewGroups: A class has fewer groups than there are folds without it.
    """
    filled = filled.copy()
    folds = filled.shape[1]
    total = filled.sum(axis=1)
    np.add.at(total, drawn.label, drawn.count)
    fold_of = np.zeros(len(drawn.is_mixed), np.int64)
    for group, labels, counts in drawn.mixed():
        need = total[labels, None] / folds - filled[labels]
        gain = _gain(need, counts, total[labels])
        best = min(np.flatnonzero(gain >= gain.max() - 1e-9), key=lambda one: filled[:, one].sum())
        fold_of[group] = best
        filled[labels, best] += counts
    for label, groups, sizes in drawn.alone():
        if (filled[label] == 0).sum() > len(groups):
            raise TooFewGroups(label, int((filled[label] == 0).sum()), len(groups))
        # Where the class does not decide, the fold with the fewest pictures in all is next.
        fewest = [(int(filled[label, k]), int(filled[:, k].sum()), k) for k in range(folds)]
        heapq.heapify(fewest)
        largest_first = np.argsort(-sizes, kind="stable")
        for group, size in zip(
            groups[largest_first].tolist(), sizes[largest_first].tolist(), strict=True
        ):
            count, in_all, fold = fewest[0]
            fold_of[group] = fold
            heapq.heapreplace(fewest, (count + size, in_all + size, fold))
        for count, _, fold in fewest:
            filled[label, fold] = count
    return fold_of[drawn.numbers]


def _gain(need: NDArray[np.number], counts: Ints, totals: Ints) -> NDArray[np.float64]:
    """How much closer each place comes to what it needs, by a group with these counts."""
    added = counts[:, None]
    return np.asarray(((2 * need - added) * added / np.maximum(totals, 1)[:, None]).sum(axis=0))


def _taken(sizes: Ints, left: int, *, keep: int, needs_one: bool) -> Ints:
    """The positions of the groups that a place takes, of those that are there, in drawn order.

    Args:
        sizes: How large they are.
        left: How many pictures it still wants.
        keep: How many groups it has to leave.
        needs_one: Whether it must take one.
    """
    most = len(sizes) - keep
    if len(sizes) and sizes.max() == 1:
        return np.arange(min(max(left, int(needs_one)), most))
    taken: list[int] = []
    for position, size in enumerate(sizes.tolist()):
        if left <= 0 or len(taken) == most:
            break
        if size <= left:
            taken.append(position)
            left -= size
    rest = np.delete(np.arange(len(sizes)), taken)
    if len(taken) < most:
        smallest = rest[sizes[rest].argmin()]
        if sizes[smallest] < 2 * left or (needs_one and not taken):
            taken.append(int(smallest))
    return np.array(taken, np.int64)
