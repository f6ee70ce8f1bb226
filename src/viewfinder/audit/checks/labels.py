"""Checks that need a model's help: labels that are perhaps wrong, and pictures unlike all others.

Probabilities must be *out of fold*: each picture's from a model that was not trained on it. Then
confident learning (C. Northcutt et al., "Confident Learning: Estimating Uncertainty in Dataset
Labels", JAIR 2021; cleanlab) tells which labels are probably wrong. Features may be any vectors in
which like pictures are near each other, such as those of a frozen network.
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
# In robust standard deviations of the logarithm of the distance: about 1 in 10,000 by chance.
_FAR = 4.0
_MAD_TO_DEVIATION = 1.4826


def doubtful_labels(
    table: pd.DataFrame, classes: Sequence[str], probabilities: Matrix
) -> list[Finding]:
    """Labels that out-of-fold probabilities speak against, the most doubtful first.

    Args:
        table: The audit's table.
        classes: The names, in the order of the probabilities' columns.
        probabilities: Shape `(n, k)`, a row for each of the table's; rows with NaN are passed over.

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
    said = given[rows].argmax(axis=1)
    notes = [
        f"{table['label'].iloc[row]}, but looks like {classes[answer]} ({given[row, answer]:.0%})"
        for row, answer in zip(rows, said, strict=True)
    ]
    return [
        Finding(
            "doubtful label",
            Severity.WARNING,
            f"{pictures(len(rows), 'has')} a label that the model doubts.",
            "look at each, the first ones first: some are wrong, some are merely hard",
            tuple(table["locator"].iloc[rows]),
            tuple(notes),
            suggested=tuple(classes[answer] for answer in said),
        )
    ]


def outliers(table: pd.DataFrame, features: Matrix) -> list[Finding]:
    """Pictures far from all others, the farthest first.

    The measure is the mean distance to the ten nearest others; far is what lies four robust
    standard deviations above the median of its logarithm.

    Args:
        table: The audit's table.
        features: Shape `(n, d)`, a row for each of the table's; rows with NaN are passed over.

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
    usual = float(np.median(distance))
    return [
        Finding(
            "outlier",
            Severity.INFO,
            f"{pictures(len(rows), 'is')} unlike all others.",
            "look whether they belong into the dataset at all",
            tuple(table["locator"].iloc[rows]),
            tuple(f"{value / usual:.1f} times as far as usual" for value in distance[order]),
        )
    ]


def _distance_to_neighbours(features: Matrix) -> Matrix:
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=_NEIGHBOURS).fit(features)
    # Without an argument, a point is not its own neighbour.
    distances: Matrix = search.kneighbors()[0]
    return np.asarray(distances.mean(axis=1), np.float64)


def _checked(array: Matrix, shape: tuple[int, int], name: str) -> Matrix:
    given = np.asarray(array, np.float64)
    if given.shape != shape:
        raise UsageError(
            f"The {name} do not fit the dataset.",
            expected=f"an array of shape {shape}: a row for each picture, in the dataset's order",
            received=f"shape {given.shape}",
        )
    return given


def _cleanlab() -> Any:
    try:
        return importlib.import_module("cleanlab.filter")
    except ImportError:
        raise UsageError(
            "Doubtful labels are found by cleanlab, which is not installed.",
            remedy='pip install "viewfinder[audit]" (or: pip install "cleanlab>=2.9")',
        ) from None
