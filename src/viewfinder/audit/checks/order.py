"""Order: whether pictures next to each other in the dataset look alike.

As in the "non-iid" check of Datalab (J. Cummings, E. Snorrason and J. Mueller, "Detecting Dataset
Drift and Non-IID Sampling via k-Nearest Neighbors", 2023), the distances in the order between
pictures that look alike are compared with those of any two. Classes and splits are compared each by
itself, because folders are sorted by them anyway.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from viewfinder.audit.duplicates import DuplicateGroups
from viewfinder.audit.finding import Finding, Severity
from viewfinder.audit.measurements import Measurements
from viewfinder.audit.series.accuracy import accuracies
from viewfinder.audit.series.find import sample
from viewfinder.audit.series.look import Rows, Vectors, looks, nearest_in_class, shapes
from viewfinder.core.words import percent
from viewfinder.data.dataset import Dataset

# So many of the permutations may be as extreme: p ≤ 0.001.
_DRAWS, _MOST_AS_LARGE = 1999, 1
# The share of pictures whose look-alike is nearer than chance explains.
_STRONG = 0.1
_FEWEST = 50
_RUNS = 20
_WARNED = 0.05


def order_dependence(
    dataset: Dataset,
    measurements: Measurements,
    groups: DuplicateGroups,
    features: NDArray[np.floating] | None = None,
) -> list[Finding]:
    """Find out whether pictures next to each other look alike, in the order of their names or rows.

    The statistic is that of Kolmogorov and Smirnov, one-sided: by how much the share of pictures
    whose look-alike is within a distance exceeds that of any two. A permutation test within classes
    and splits gives its p-value. It is a finding from 0.1 on with p ≤ 0.001, and a warning where a
    linear classifier is surely less accurate, by five points or more, on folds of whole runs of
    neighbours. Of duplicates, one picture is compared.

    Args:
        dataset: The pictures.
        measurements: Those of the audit.
        groups: The duplicates.
        features: A vector for each picture, on which the classifier is fitted; NaN where missing.
    """
    usable = measurements.readable & (dataset.labels >= 0)
    usable[np.setdiff1d(np.arange(len(dataset)), groups.keys())] = False
    if features is not None:
        usable &= np.isfinite(features).all(axis=1)
    rows = sample(dataset.labels, np.flatnonzero(usable))
    if len(rows) < _FEWEST:
        return []
    part, labels = measurements.of_rows(rows), dataset.labels[rows]
    _, splits = np.unique(dataset.table["split"].to_numpy(str)[rows], return_inverse=True)
    parts = np.unique(labels * (splits.max() + 1) + splits, return_inverse=True)[1]
    strength, within, is_sure = _tested(looks(part), parts)
    if not is_sure:
        return []
    chance = 1 - (1 - within) ** 2
    found = Finding(
        "order dependence",
        Severity.INFO,
        f"Pictures next to each other look alike: for {percent(chance + strength, 0)} of them, "
        f"the most similar picture of their class is within {percent(within)} of the class by "
        f"order, and for {percent(chance, 0)} by chance.",
        "if they are frames of a film or of one session, name it (--group-by, --group-from): a "
        "split at random tears them apart, and the accuracy is then too high",
        classes=dataset.classes,
    )
    vectors = shapes(part) if features is None else np.asarray(features[rows], np.float32)
    figures = accuracies(vectors, labels, _runs(parts), np.arange(len(rows)))
    if figures is None or not figures.differ:
        return [found]
    lower_by = figures.at_random - figures.grouped
    severity = Severity.WARNING if lower_by >= _WARNED else Severity.INFO
    effect = (
        f"A linear classifier is right for {percent(figures.at_random)} on folds at random, and "
        f"for {percent(figures.grouped)} on folds of whole runs of neighbours."
    )
    return [replace(found, severity=severity, sentence=f"{found.sentence} {effect}")]


def _tested(vectors: Vectors, parts: Rows) -> tuple[float, float, bool]:
    """The statistic, the distance at which it is reached, and whether it is large and no chance."""
    near = nearest_in_class(vectors, parts)
    some = np.flatnonzero(near >= 0)
    sizes = np.bincount(parts)[parts[some]]
    by_part = np.argsort(parts, kind="stable")
    starts = np.cumsum(np.bincount(parts)) - np.bincount(parts)
    places = np.empty(len(parts), np.int64)
    places[by_part] = np.arange(len(parts)) - starts[parts[by_part]]
    shares = np.arange(1, len(some) + 1) / len(some)

    def statistic(places: Rows) -> tuple[float, float]:
        distances = np.sort(np.abs(places[some] - places[near[some]]) / sizes)
        # Two of n places are within a share d of n of each other with probability 1 - (1 - d)².
        beyond = shares - 1 + (1 - distances) ** 2
        return float(beyond.max()), float(distances[beyond.argmax()])

    found, within = statistic(places)
    if found < _STRONG:
        return found, within, False
    random = np.random.default_rng(0)
    permuted, as_large = np.empty_like(places), 0
    for _ in range(_DRAWS):
        permuted[by_part] = places[np.lexsort((random.random(len(parts)), parts))]
        as_large += statistic(permuted)[0] >= found
        if as_large > _MOST_AS_LARGE:
            return found, within, False
    return found, within, True


def _runs(parts: Rows) -> Rows:
    """The runs of neighbours: each part in twenty."""
    runs = np.empty(len(parts), np.int64)
    for part in np.unique(parts):
        members = np.flatnonzero(parts == part)
        runs[members] = part * _RUNS + np.arange(len(members)) * _RUNS // len(members)
    return runs
