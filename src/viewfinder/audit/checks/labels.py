"""Checks that need a model: doubtful labels, outliers, look-alikes and weak groups.

Probabilities must be *out of fold*: each picture's from a model that was not trained on it.
Features may be any vectors in which similar pictures are close, such as those of a frozen network.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.audit.duplicates import DuplicateGroups
from viewfinder.audit.finding import Finding, Severity
from viewfinder.audit.label_noise import Signal, right_labels, surely_wrong
from viewfinder.audit.likeness import Rows
from viewfinder.audit.series.accuracy import principal_components
from viewfinder.core.errors import UsageError
from viewfinder.core.shares import holm
from viewfinder.core.words import counted, percent

Matrix = NDArray[np.float64]

_DOUBTFUL = Finding(
    "doubtful label",
    Severity.WARNING,
    "{} a label that is almost certainly wrong (at most 2 % of them are expected to be right).",
    "look at each, and relabel it or leave it out",
)
_UNCERTAIN = Finding(
    "uncertain label",
    Severity.INFO,
    "{} a label that is wrong with a probability of at least 10 %.",
    "some are wrong, others are only difficult: look at the first ones",
)
_UNCERTAIN_BELOW = 0.9
# The expected share of right labels among the doubtful ones.
_MOST_RIGHT = 0.02

_NEIGHBOURS = 10
# In robust standard deviations of the logarithm of the distance; normal noise exceeds it 1 time in
# 30,000.
_FAR = 4.0
_CLOSE = 5.0
_MAD_TO_DEVIATION = 1.4826

_PER_GROUP, _LEAST_IN_GROUP, _MOST_GROUPS = 100, 10, 40
_SIGNIFICANT, _LOWER_BY = 0.05, 0.05


def doubtful_labels(
    table: pd.DataFrame,
    classes: Sequence[str],
    probabilities: Matrix,
    *,
    features: Matrix | None = None,
) -> list[Finding]:
    """Find labels that out-of-fold probabilities contradict, the most doubtful first.

    "doubtful label" is a warning about labels that are almost certainly wrong: those least likely
    to be right (see :func:`viewfinder.audit.label_noise.right_labels`), as many as keep the mean
    of that probability, which is the expected share of false alarms, within 2 %. With features,
    at most one of a picture's ten nearest neighbours may have its label, too. "uncertain label" is
    a note about the other labels that are right with a probability below 0.9.

    Args:
        table: The audit's table.
        classes: The names, in the order of the columns of `probabilities`.
        probabilities: Shape `(n, k)`, a row for each of the table's; rows with NaN are skipped.
        features: Vectors in which similar pictures are close, shape `(n, d)`; NaN where unknown.

    Raises:
        UsageError: The shape does not fit.
    """
    given = _checked(probabilities, (len(table), len(classes)), "probabilities")
    known = np.flatnonzero(np.isfinite(given).all(axis=1))
    labels = pd.Index(classes).get_indexer(pd.Index(table["label"]))[known]
    right = right_labels(labels, given[known])
    is_wrong = surely_wrong(right, _MOST_RIGHT)
    if features is not None and is_wrong.any():
        is_wrong &= _is_alone(table["label"], features)[known]
    names = np.array(classes)[given[known].argmax(axis=1)]
    kinds = ((_DOUBTFUL, is_wrong), (_UNCERTAIN, (right < _UNCERTAIN_BELOW) & ~is_wrong))
    return [
        _about(kind, table.iloc[known], np.flatnonzero(chosen), names, right)
        for kind, chosen in kinds
        if chosen.any()
    ]


def _about(
    kind: Finding, table: pd.DataFrame, rows: Rows, predicted: NDArray[np.str_], right: Signal
) -> Finding:
    rows = rows[np.argsort(right[rows], kind="stable")]
    labels = table["label"].iloc[rows]
    return replace(
        kind,
        sentence=kind.sentence.format(counted(len(rows), "picture has")),
        paths=tuple(table["locator"].iloc[rows]),
        notes=tuple(
            f"{label}, predicted as {name}: {_percent(share)} likely to be right"
            for label, name, share in zip(labels, predicted[rows], right[rows], strict=True)
        ),
        suggested=tuple(str(name) for name in predicted[rows]),
        right=tuple(right[rows].tolist()),
    )


def _percent(share: float) -> str:
    return "less than 0.1 %" if share < 0.001 else f"{100 * share:.2g} %"


def _is_alone(labels: pd.Series, features: Matrix) -> NDArray[np.bool_]:
    """Whether at most one of a picture's ten nearest neighbours, by angle, has its label."""
    known = np.flatnonzero(np.isfinite(features).all(axis=1))
    alone = np.ones(len(labels), np.bool_)
    if len(known) > _NEIGHBOURS:
        names = labels.to_numpy()[known]
        alike = names[_neighbours(_directions(features[known]))[1]] == names[:, None]
        alone[known] = alike.sum(axis=1) <= 1
    return alone


def outliers(table: pd.DataFrame, features: Matrix) -> list[Finding]:
    """Find pictures far from all others, the farthest first.

    The measure is the mean distance to the ten nearest neighbours. A picture is an outlier if the
    logarithm of its distance exceeds the median by four robust standard deviations.

    Args:
        table: The audit's table.
        features: Shape `(n, d)`, a row for each of the table's; rows with NaN are skipped.

    Raises:
        UsageError: The shape does not fit.
    """
    given, known = _known(table, features)
    if len(known) <= 2 * _NEIGHBOURS:
        return []
    distance = _neighbours(given[known])[0].mean(axis=1)
    scores = _robust(np.log(np.maximum(distance, np.finfo(float).tiny)))
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > _FAR]
    if not len(order):
        return []
    rows = known[order]
    median = float(np.median(distance))
    return [
        Finding(
            "outlier",
            Severity.INFO,
            f"{counted(len(rows), 'picture is')} unlike all others.",
            "check whether they belong in the dataset",
            tuple(table["locator"].iloc[rows]),
            tuple(f"{value / median:.1f} times the median distance" for value in distance[order]),
        )
    ]


def _neighbours(features: Matrix) -> tuple[Matrix, Rows]:
    """Return the distances and the rows of each row's ten nearest others, shape `(n, 10)` each."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=_NEIGHBOURS).fit(features)
    # Without an argument, `kneighbors` does not count a point as its own neighbour.
    distances, rows = search.kneighbors()
    return np.asarray(distances, np.float64), np.asarray(rows, np.int64)


def look_alikes(table: pd.DataFrame, features: Matrix, groups: DuplicateGroups) -> list[Finding]:
    """Find pictures that are much closer than nearest neighbours are, and no duplicates by pixels.

    They may show one scene, or the same picture rotated or with other colours. The measure is the
    squared distance of standardised features of length 1 to the nearest picture of another group of
    duplicates. Pictures are alike if its logarithm is five robust standard deviations below the
    median.

    Args:
        table: The audit's table.
        features: Shape `(n, d)`, a row for each of the table's; rows with NaN are skipped.
        groups: The duplicates by pixels, which are not named again.

    Raises:
        UsageError: The shape does not fit.
    """
    given, known = _known(table, features)
    if len(known) <= 2 * _NEIGHBOURS:
        return []
    distances, rows = _neighbours(_directions(given[known]))
    keys = groups.keys()[known]
    is_other = keys[rows] != keys[:, None]
    first, has_any = is_other.argmax(axis=1), is_other.any(axis=1)
    every = np.arange(len(known))
    near = rows[every, first]
    scores = np.full(len(known), np.inf)
    scores[has_any] = _robust(np.log(np.maximum(distances[every, first][has_any] ** 2, 1e-12)))
    close = np.flatnonzero(scores < -_CLOSE)
    if not len(close):
        return []
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = coo_array((np.ones(len(close)), (close, near[close])), shape=(len(known),) * 2)
    _, numbers = connected_components(pairs, directed=False)
    order = sorted(
        (np.flatnonzero(numbers == number) for number in np.unique(numbers[close])),
        key=lambda group: float(scores[group].min()),
    )
    named = [tuple(table["locator"].iloc[known[group]]) for group in order]
    splits = table["split"].to_numpy()[known]
    apart = sum(len(set(splits[group])) > 1 for group in order)
    paths = tuple(path for group in named for path in group)
    return [
        Finding(
            "look-alikes",
            Severity.INFO,
            f"{counted(len(paths), 'picture is')} far closer to another picture than neighbours "
            f"are, in {len(named):,} groups, {apart:,} of them in several splits.",
            "if they show one scene, or one picture rotated or recoloured, keep them in one split "
            "(--group-by)",
            paths,
            tuple(f"group {number}" for number, group in enumerate(named, 1) for _ in group),
            groups=tuple(named),
        )
    ]


def weak_groups(
    table: pd.DataFrame,
    classes: Sequence[str],
    probabilities: Matrix,
    features: Matrix,
    doubtful: Sequence[str] = (),
) -> list[Finding]:
    """Find groups of similar pictures on which the out-of-fold predictions are surely worse.

    Groups are clusters of the features (k-means, about 100 pictures each). One is weak if it has
    more errors than a draw from all pictures explains (Fisher's exact test, p ≤ 0.05 after Holm's
    correction for the number of groups), and its accuracy is at least five points lower. Groups do
    not depend on labels, so labels that are right or wrong at random make none weak.

    Args:
        table: The audit's table.
        classes: The names, in the order of the columns of `probabilities`.
        probabilities: Shape `(n, k)`; rows with NaN are skipped.
        features: Shape `(n, d)`; rows with NaN are skipped.
        doubtful: The locators of labels that are almost certainly wrong, which do not count.
    """
    is_known = np.isfinite(probabilities).all(axis=1) & np.isfinite(features).all(axis=1)
    known = np.flatnonzero(is_known & ~table["locator"].isin(doubtful).to_numpy())
    if len(known) < 2 * _PER_GROUP:
        return []
    from scipy.stats import hypergeom

    predicted = probabilities[known].argmax(axis=1)
    wrong = predicted != pd.Index(classes).get_indexer(pd.Index(table["label"]))[known]
    numbers = _clusters(features[known])
    counts = np.bincount(numbers)
    errors = np.bincount(numbers, wrong).astype(np.int64)
    tested = np.flatnonzero(counts >= _LEAST_IN_GROUP)
    p_values = holm(list(hypergeom.sf(errors[tested] - 1, len(known), wrong.sum(), counts[tested])))
    shares = errors / np.maximum(counts, 1)
    weak = [
        number
        for number, p in zip(tested, p_values, strict=True)
        if p <= _SIGNIFICANT and shares[number] - wrong.mean() >= _LOWER_BY
    ]
    if not weak:
        return []
    weak.sort(key=lambda number: -shares[number])
    groups = [
        members[np.argsort(~wrong[members], kind="stable")]
        for members in (np.flatnonzero(numbers == number) for number in weak)
    ]
    locators = table["locator"].to_numpy()[known]
    rows = np.concatenate(groups)
    percents = ", ".join(f"{percent(1 - shares[number], 0)}" for number in weak)
    return [
        Finding(
            "weak group",
            Severity.INFO,
            f"{len(weak)} group{'s' if len(weak) > 1 else ''} of similar pictures "
            f"({counted(len(rows), 'picture')}) with an accuracy of {percents}; all pictures: "
            f"{percent(1 - wrong.mean(), 0)}.",
            "look at what they have in common, correct wrong labels, and collect more of them",
            tuple(locators[rows]),
            tuple(
                f"{table['label'].iloc[known[row]]}, predicted as {classes[predicted[row]]}"
                for row in rows
            ),
            groups=tuple(tuple(locators[members]) for members in groups),
        )
    ]


def _clusters(features: Matrix) -> Rows:
    from sklearn.cluster import KMeans

    rows = principal_components(_standardised(features).astype(np.float32))
    count = min(_MOST_GROUPS, len(rows) // _PER_GROUP)
    return np.asarray(KMeans(count, n_init=3, random_state=0).fit(rows).labels_, np.int64)


def _standardised(rows: Matrix) -> Matrix:
    return np.asarray((rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-6))


def _directions(rows: Matrix) -> Matrix:
    """The standardised vectors, scaled to a length of 1."""
    rows = _standardised(rows)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def _robust(values: Matrix) -> Matrix:
    """How many robust standard deviations each value is above the median."""
    deviation = _MAD_TO_DEVIATION * np.median(np.abs(values - np.median(values)))
    return np.asarray((values - np.median(values)) / max(float(deviation), 1e-9))


def _known(table: pd.DataFrame, features: Matrix) -> tuple[Matrix, NDArray[np.intp]]:
    """The features, checked, and the rows without NaN."""
    given = np.asarray(features)
    given = _checked(features, (len(table), given.shape[-1] if given.ndim else 0), "features")
    return given, np.flatnonzero(np.isfinite(given).all(axis=1))


def _checked(array: Matrix, shape: tuple[int, int], name: str) -> Matrix:
    given = np.asarray(array, np.float64)
    if given.shape != shape:
        raise UsageError(
            f"The {name} do not match the dataset.",
            expected=f"an array of shape {shape}: a row for each picture, in the dataset's order",
            received=f"shape {given.shape}",
        )
    return given
