"""The accuracy of a linear classifier on folds at random, and on folds that keep series together.

Folds at random put pictures of each series into training and evaluation; folds of whole series
measure the accuracy on a series that was never seen. They train on fewer series than a model of all
pictures does, which costs accuracy where series are few. So it is measured on two folds, too, and
extrapolated to all series, linearly in the inverse of their number: from the accuracy a on k folds
and b on two to a + (a - b) / (k - 2).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewfinder.data.splits.groups import Keys
from viewfinder.data.splits.placement import OrderedGroups, TooFewGroups, assign_folds

Rows = NDArray[np.int64]

_MOST_FOLDS = 10
_HALVINGS = 3
_MOST_DIMENSIONS = 256
_CONFIDENCE = 0.975
# Of properties that are equal in all pictures of a class.
_LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class Accuracies:
    """The accuracies of a linear classifier on two kinds of folds.

    Attributes:
        at_random: On folds that keep only duplicates together, 0 to 1.
        grouped: On folds of whole series, extrapolated to training on all series.
        margin: Half the 95 % interval of their difference, with the series as the sample.
        folds: The number of folds.
    """

    at_random: float
    grouped: float
    margin: float
    folds: int

    @property
    def differ(self) -> bool:
        """Whether folds at random are better by more than chance explains."""
        return self.at_random - self.grouped > self.margin


def accuracies(
    rows: NDArray[np.float32], labels: Rows, groups: Keys, copies: Keys
) -> Accuracies | None:
    """Evaluate a linear classifier on both kinds of folds; None where a class has one group only.

    The classifier is linear discriminant analysis on at most 256 principal components. Its
    covariance is shrunk by the rule of O. Ledoit and M. Wolf (2004), so that there is no penalty to
    choose.

    Args:
        rows: A vector for each picture, float32, shape `(n, d)`.
        labels: Each picture's class index.
        groups: Pictures of a series have equal keys.
        copies: Duplicates have equal keys.
    """
    classes = int(labels.max()) + 1
    _, groups = np.unique(groups, return_inverse=True)
    fewest = int(np.bincount(np.unique([groups, labels], axis=1)[1], minlength=classes).min())
    if fewest < 2:
        return None
    folds = min(_MOST_FOLDS, fewest)
    from threadpoolctl import threadpool_limits

    try:
        with threadpool_limits(1):  # several threads are slower on such small matrices
            rows = principal_components(rows)
            grouped, at_random = (
                right_out_of_fold(rows, labels, stratified_folds(labels, keys, folds))
                for keys in (groups, copies)
            )
            halves = [
                right_out_of_fold(rows, labels, stratified_folds(labels, groups, 2, seed)).mean()
                for seed in range(_HALVINGS if folds > 2 else 0)
            ]
    except TooFewGroups:
        return None
    margin = _margin(at_random.astype(int) - grouped, groups)
    accuracy = float(grouped.mean())
    if halves:
        accuracy += max(0.0, accuracy - float(np.mean(halves))) / (folds - 2)
    return Accuracies(float(at_random.mean()), min(1.0, accuracy), margin, folds)


def stratified_folds(labels: Rows, keys: Keys, count: int, seed: int = 0) -> Rows:
    """Return each picture's fold, stratified; pictures of equal keys are in one.

    Raises:
        TooFewGroups: A class has fewer groups than folds.
    """
    examples = np.arange(len(labels), dtype=np.uint64)
    ordered = OrderedGroups.of("folds", seed, examples, labels, keys)
    return assign_folds(ordered, np.zeros((int(labels.max()) + 1, count), np.int64))


def principal_components(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the vectors, or their principal components where there are many dimensions."""
    if min(rows.shape) <= _MOST_DIMENSIONS:
        return rows
    from sklearn.decomposition import PCA

    pca = PCA(_MOST_DIMENSIONS, svd_solver="randomized", iterated_power=2, random_state=0)
    return np.asarray(pca.fit_transform(rows), np.float32)


def right_out_of_fold(rows: NDArray[np.float32], labels: Rows, folds: Rows) -> NDArray[np.bool_]:
    """Return whether linear discriminant analysis, fitted on the other folds, is right, `(n,)`."""
    right = np.zeros(len(labels), np.bool_)
    for fold in np.unique(folds):
        held = folds == fold
        scores = _discriminant(rows[~held], labels[~held], rows[held])
        right[held] = scores.argmax(axis=1) == labels[held]
    return right


def _discriminant(
    rows: NDArray[np.float32], labels: Rows, others: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The scores of linear discriminant analysis for other vectors: shape `(n, classes)`."""
    counts = np.bincount(labels)
    sums = np.zeros((len(counts), rows.shape[1]), np.float32)
    np.add.at(sums, labels, rows)
    means = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    covariance = ledoit_wolf(rows - means[labels])
    covariance.flat[:: len(covariance) + 1] += _LEAST_VARIANCE
    weights = np.linalg.solve(covariance, means.T)
    with np.errstate(divide="ignore"):
        prior = np.log(counts / len(labels))
    return np.asarray(others @ weights - (means.T * weights).sum(axis=0) / 2 + prior, np.float32)


def ledoit_wolf(centred: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the shrunk covariance of vectors with mean 0, shape `(d, d)`.

    O. Ledoit and M. Wolf, "A well-conditioned estimator for large-dimensional covariance matrices",
    Journal of Multivariate Analysis 88 (2004). scikit-learn has it, too, but takes a second to
    import, for which nobody should wait in an audit or a dry run.
    """
    count, dimensions = centred.shape
    covariance = (centred.T @ centred).astype(np.float64) / count
    scale = covariance.trace() / dimensions
    squares = (centred**2).sum(axis=1, dtype=np.float64)
    noise = ((squares**2).sum() / count - (covariance**2).sum()) / count
    distance = (covariance**2).sum() - dimensions * scale**2
    shrinkage = min(1.0, noise / distance) if noise > 0 < distance else 0.0
    shrunk = (1 - shrinkage) * covariance
    shrunk.flat[:: dimensions + 1] += shrinkage * scale
    return np.asarray(shrunk, np.float64)


def _margin(differences: Rows, groups: Keys) -> float:
    """Half the 95 % interval of the mean difference: the groups are drawn, not the pictures."""
    from scipy.special import stdtrit

    count = int(groups.max()) + 1
    residuals = np.bincount(groups, weights=differences - differences.mean(), minlength=count)
    error = np.sqrt(count / (count - 1) * (residuals**2).sum()) / len(differences)
    return float(stdtrit(count - 1, _CONFIDENCE) * error)
