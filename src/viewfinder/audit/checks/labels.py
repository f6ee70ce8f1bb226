"""Checks that need a model: doubtful labels and outliers.

Probabilities must be *out of fold*: each picture's from a model that was not trained on it.
Confident learning (C. Northcutt et al., "Confident Learning: Estimating Uncertainty in Dataset
Labels", JAIR 2021; cleanlab) then finds labels that are probably wrong. Features may be any vectors
in which similar pictures are close, such as those of a frozen network.
"""

import importlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.audit.finding import Finding, Severity, pictures
from viewfinder.audit.label_noise import Signal, right_labels, surely_wrong
from viewfinder.audit.likeness import Rows
from viewfinder.core.errors import UsageError

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
    "{} a label that the others contradict.",
    "some are wrong, most are only difficult: look at the first ones",
)
# The expected share of right labels among the doubtful ones.
_MOST_RIGHT = 0.02

_NEIGHBOURS = 10
# In robust standard deviations of the logarithm of the distance; normal noise exceeds it 1 time in
# 30,000.
_FAR = 4.0
_MAD_TO_DEVIATION = 1.4826


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
    a note about the other labels that confident learning doubts.

    Args:
        table: The audit's table.
        classes: The names, in the order of the columns of `probabilities`.
        probabilities: Shape `(n, k)`, a row for each of the table's; rows with NaN are skipped.
        features: Vectors in which similar pictures are close, shape `(n, d)`; NaN where unknown.

    Raises:
        UsageError: The shape does not fit, or cleanlab is not installed.
    """
    given = _checked(probabilities, (len(table), len(classes)), "probabilities")
    known = np.flatnonzero(np.isfinite(given).all(axis=1))
    labels = pd.Index(classes).get_indexer(pd.Index(table["label"]))[known]
    doubted = _cleanlab().find_label_issues(labels, given[known], n_jobs=1)
    right = right_labels(labels, given[known])
    is_wrong = surely_wrong(right, _MOST_RIGHT)
    if features is not None and is_wrong.any():
        is_wrong &= _is_alone(table["label"], features)[known]
    names = np.array(classes)[given[known].argmax(axis=1)]
    rest = np.asarray(doubted) & ~is_wrong
    return [
        finding
        for finding, rows in (
            (_DOUBTFUL, np.flatnonzero(is_wrong)),
            (_UNCERTAIN, np.flatnonzero(rest)),
        )
        if len(rows)
        for finding in [_listed(finding, table.iloc[known], rows, names, right)]
    ]


def _listed(
    kind: Finding, table: pd.DataFrame, rows: Rows, predicted: NDArray[np.str_], right: Signal
) -> Finding:
    rows = rows[np.argsort(right[rows], kind="stable")]
    labels = table["label"].iloc[rows]
    return replace(
        kind,
        sentence=kind.sentence.format(pictures(len(rows), "has")),
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
        rows = features[known]
        rows = (rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-6)
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        names = labels.to_numpy()[known]
        alike = names[_neighbours(rows)[1]] == names[:, None]
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
    given = np.asarray(features)
    given = _checked(features, (len(table), given.shape[-1] if given.ndim else 0), "features")
    known = np.flatnonzero(np.isfinite(given).all(axis=1))
    if len(known) <= 2 * _NEIGHBOURS:
        return []
    distance = _neighbours(given[known])[0].mean(axis=1)
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


def _neighbours(features: Matrix) -> tuple[Matrix, Rows]:
    """Return the distances and the rows of each row's ten nearest others, shape `(n, 10)` each."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=_NEIGHBOURS).fit(features)
    # Without an argument, `kneighbors` does not count a point as its own neighbour.
    distances, rows = search.kneighbors()
    return np.asarray(distances, np.float64), np.asarray(rows, np.int64)


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
