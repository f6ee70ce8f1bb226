"""Checks that need a model: doubtful labels and outliers.

Probabilities must be *out of fold*: each picture's from a model that was not trained on it.
Confident learning (C. Northcutt et al., "Confident Learning: Estimating Uncertainty in Dataset
Labels", JAIR 2021; cleanlab) then finds labels that are probably wrong. Features may be any vectors
in which similar pictures are close, such as those of a frozen network.
"""

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.audit.finding import Finding, Severity, pictures
from viewfinder.core.errors import UsageError

Matrix = NDArray[np.float64]

_NEIGHBOURS = 10
# In robust standard deviations of the logarithm of the distance; normal noise exceeds it 1 time in
# 30,000.
_FAR = 4.0
_MAD_TO_DEVIATION = 1.4826


def doubtful_labels(
    table: pd.DataFrame, classes: Sequence[str], probabilities: Matrix
) -> list[Finding]:
    """Find labels that out-of-fold probabilities contradict, the most doubtful first.

    Args:
        table: The audit's table.
        classes: The names, in the order of the columns of `probabilities`.
        probabilities: Shape `(n, k)`, a row for each of the table's; rows with NaN are skipped.

    Raises:
        UsageError: The shape does not fit, or cleanlab is not installed.
    """
    given = _checked(probabilities, (len(table), len(classes)), "probabilities")
    known = np.flatnonzero(np.isfinite(given).all(axis=1))
    labels = pd.Index(classes).get_indexer(pd.Index(table["label"]))[known]
    find_label_issues = _cleanlab().find_label_issues
    ranked = find_label_issues(
        labels, given[known], return_indices_ranked_by="self_confidence", n_jobs=1
    )
    rows = known[np.asarray(ranked, np.int64)]
    if not len(rows):
        return []
    predicted = given[rows].argmax(axis=1)
    notes = [
        f"{table['label'].iloc[row]}, predicted as {classes[index]} ({given[row, index]:.0%})"
        for row, index in zip(rows, predicted, strict=True)
    ]
    return [
        Finding(
            "doubtful label",
            Severity.WARNING,
            f"{pictures(len(rows), 'has')} a doubtful label.",
            "check each, in this order: some labels are wrong, some pictures are only difficult",
            tuple(table["locator"].iloc[rows]),
            tuple(notes),
            suggested=tuple(classes[index] for index in predicted),
        )
    ]


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
    given = np.asarray(features)
    given = _checked(features, (len(table), given.shape[-1] if given.ndim else 0), "features")
    known = np.flatnonzero(np.isfinite(given).all(axis=1))
    if len(known) <= 2 * _NEIGHBOURS:
        return []
    distance = _distance_to_neighbours(given[known])
    logs = np.log(np.maximum(distance, np.finfo(float).tiny))
    deviation = _MAD_TO_DEVIATION * np.median(np.abs(logs - np.median(logs)))
    scores = (logs - np.median(logs)) / max(deviation, 1e-9)
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
            f"{pictures(len(rows), 'is')} unlike all others.",
            "check whether they belong in the dataset",
            tuple(table["locator"].iloc[rows]),
            tuple(f"{value / median:.1f} times the median distance" for value in distance[order]),
        )
    ]


def _distance_to_neighbours(features: Matrix) -> Matrix:
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=_NEIGHBOURS).fit(features)
    # Without an argument, `kneighbors` does not count a point as its own neighbour.
    distances: Matrix = search.kneighbors()[0]
    return np.asarray(distances.mean(axis=1), np.float64)


def _checked(array: Matrix, shape: tuple[int, int], name: str) -> Matrix:
    given = np.asarray(array, np.float64)
    if given.shape != shape:
        raise UsageError(
            f"The {name} do not match the dataset.",
            expected=f"an array of shape {shape}: a row for each picture, in the dataset's order",
            received=f"shape {given.shape}",
        )
    return given


def _cleanlab() -> Any:
    try:
        return importlib.import_module("cleanlab.filter")
    except ImportError:
        raise UsageError(
            "Doubtful labels need cleanlab, which is not installed.",
            remedy='pip install "viewfinder[audit]" (or: pip install "cleanlab>=2.9")',
        ) from None
