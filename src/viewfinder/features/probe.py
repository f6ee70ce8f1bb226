"""The linear probe: logistic regression on features, with its regularisation chosen on folds.

Features are standardised to mean 0 and deviation 1. The folds of the training pictures are
stratified by class; duplicates and groups stay in one fold.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import DataError
from viewfinder.core.randomness import Randomness, ids
from viewfinder.data.dataset import Dataset

Matrix = NDArray[np.float32]
Labels = NDArray[np.int64]

# scikit-learn's C, the inverse of the L2 penalty: from strong regularisation to weak.
STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0)

_MOST_FOLDS = 5
_MOST_STEPS = 200
# Sufficient to rank the strengths.
_FOLD_TOLERANCE = 1e-3
_LAST_TOLERANCE = 1e-4
_LEAST_PROBABILITY = 1e-12
# A deviation below this share of a column's largest value is rounding.
_CONSTANT = 1e-6


@dataclass(frozen=True)
class Linear:
    """A linear classifier of raw features, with the standardisation included in its weights.

    Attributes:
        weights: float32, shape (d, k); k is 1 for two classes, else the number of classes.
        bias: float32, shape (k,).
    """

    weights: Matrix
    bias: Matrix

    def probabilities(self, features: Matrix) -> NDArray[np.float64]:
        """Return the classes' probabilities, float64, shape (n, classes); every row sums to 1."""
        logits = np.asarray(features, np.float64) @ self.weights + self.bias
        if logits.shape[1] == 1:
            logits = np.hstack([np.zeros_like(logits), logits])
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float64)


@dataclass(frozen=True)
class Tried:
    """The result of a strength of regularisation on the folds.

    Attributes:
        strength: scikit-learn's C.
        accuracies: The accuracy on each fold, 0 to 1.
        loss: The mean cross-entropy of the out-of-fold probabilities, in nats.
    """

    strength: float
    accuracies: tuple[float, ...]
    loss: float

    @property
    def accuracy(self) -> float:
        """The mean accuracy of the folds."""
        return float(np.mean(self.accuracies))


@dataclass(frozen=True)
class Probe:
    """A linear classifier, and its results on the folds.

    Attributes:
        head: The classifier, fitted on all pictures at the best strength.
        tried: The results of all strengths.
        best: The result with the highest mean accuracy, at ties with the lowest loss.
        out_of_fold: Each picture's probabilities from a classifier fitted on the other folds, at
            the best strength; float64, shape (n, classes).
    """

    head: Linear
    tried: tuple[Tried, ...]
    best: Tried
    out_of_fold: NDArray[np.float64]

    def in_words(self) -> str:
        """Return the best result as a sentence."""
        best = self.best
        return (
            f"Linear head: mean accuracy {best.accuracy:.1%} on {len(best.accuracies)} folds of "
            f"the training pictures ({min(best.accuracies):.1%} to {max(best.accuracies):.1%}), "
            f"with C = {best.strength:g}."
        )

    def to_json(self) -> dict[str, Any]:
        """Return the content of `probe.json`; see docs/formats.md."""
        tried = [
            {
                "strength": result.strength,
                "accuracy": result.accuracy,
                "accuracies": list(result.accuracies),
                "loss": result.loss,
            }
            for result in self.tried
        ]
        return {"chosen": self.best.strength, "accuracy": self.best.accuracy, "tried": tried}


def group_names(dataset: Dataset) -> list[str]:
    """Return the name of each picture's group, or else its content, which duplicates share."""
    table = dataset.table
    content = table["content"].where(table["content"] != "", table["locator"])
    if "group" not in table:
        return list(content)
    group = table["group"].fillna("").astype(str)
    return list(group.where(group != "", content))


def fit_probe(
    features: Matrix,
    labels: Labels,
    classes: Sequence[str],
    *,
    groups: Sequence[str] | None = None,
    seed: int = 0,
    strengths: Sequence[float] = STRENGTHS,
) -> Probe:
    """Fit a linear classifier on features.

    Args:
        features: float32, shape (n, d), or (n, views, d).
        labels: Class indices, int64, shape `(n,)`.
        classes: The names of the classes.
        groups: The name of each picture's group, which stays in one fold; None for no groups.
        seed: The seed of the folds.
        strengths: The candidates for C.

    Raises:
        DataError: A class has too few pictures for two folds.
    """
    from threadpoolctl import threadpool_limits

    names = [str(row) for row in range(len(labels))] if groups is None else list(groups)
    folds = fold_numbers(labels, names, classes, seed=seed)
    plain = features[:, 0] if features.ndim == 3 else features
    # The matrices are so small that several threads are slower than one.
    with threadpool_limits(1):
        out_of_fold = np.empty((len(strengths), len(labels), len(classes)))
        for fold in np.unique(folds):
            others = folds != fold
            heads = _fitted(features[others], labels[others], strengths, _FOLD_TOLERANCE)
            for index, head in enumerate(heads):
                out_of_fold[index, ~others] = head.probabilities(plain[~others])
        tried = tuple(
            _tried(strength, probabilities, labels, folds)
            for strength, probabilities in zip(strengths, out_of_fold, strict=True)
        )
        best = max(tried, key=lambda result: (round(result.accuracy, 9), -result.loss))
        (head,) = _fitted(features, labels, [best.strength], _LAST_TOLERANCE)
    return Probe(head, tried, best, out_of_fold[tried.index(best)])


def fold_numbers(
    labels: Labels, groups: Sequence[str], classes: Sequence[str], *, seed: int
) -> NDArray[np.intp]:
    """Return each picture's fold, from 0, shape `(n,)`: stratified, and with whole groups.

    Raises:
        DataError: A class has too few pictures for two folds.
    """
    names, first, member = np.unique(np.asarray(groups), return_index=True, return_inverse=True)
    label_of = labels[first]  # duplicates with different labels count as the first one's class
    counts = np.bincount(label_of, minlength=len(classes))
    if counts.min() < 2:
        raise DataError(
            f"There are too few pictures of {classes[int(counts.argmin())]} for two folds.",
            expected="at least 2 different training pictures of each class",
            received=str(counts.min()),
        )
    order = Randomness(seed).order("folds", epoch=-1, examples=ids(names.tolist()))
    fold_of = np.empty(len(names), np.intp)
    fold_count = min(_MOST_FOLDS, int(counts.min()))
    assigned = 0  # continues over classes, so that folds have equal sizes
    for label in range(len(classes)):
        rows = order[label_of[order] == label]
        fold_of[rows] = (assigned + np.arange(len(rows))) % fold_count
        assigned += len(rows)
    folds: NDArray[np.intp] = fold_of[member]
    return folds


def deviations(rows: Matrix) -> Matrix:
    """Return each column's standard deviation, float32, shape (d,); 1 for a constant column."""
    found: Matrix = rows.std(axis=0, dtype=np.float64).astype(np.float32)
    found[found <= _CONSTANT * np.abs(rows).max(axis=0, initial=0)] = 1
    return found


def _fitted(
    features: Matrix, labels: Labels, strengths: Sequence[float], tolerance: float
) -> list[Linear]:
    """Fit a classifier per strength, each initialised with the previous one."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    views = features.shape[1] if features.ndim == 3 else 1
    rows = features.reshape(-1, features.shape[-1])
    mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    deviation = deviations(rows)
    scaled = (rows - mean) / deviation
    model = LogisticRegression(warm_start=True, max_iter=_MOST_STEPS, tol=tolerance)
    heads = []
    for strength in strengths:
        model.set_params(C=strength / views)  # the views of a picture weigh as one
        with warnings.catch_warnings():
            # At very weak regularisation, a fit may end early; its result is compared all the same.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(scaled, labels.repeat(views))
        weights = (model.coef_ / deviation).T.astype(np.float32)
        bias = (model.intercept_ - mean @ weights).astype(np.float32)
        heads.append(Linear(weights, bias))
    return heads


def _tried(
    strength: float, probabilities: NDArray[np.float64], labels: Labels, folds: NDArray[np.intp]
) -> Tried:
    correct = probabilities.argmax(axis=1) == labels
    accuracies = tuple(float(correct[folds == fold].mean()) for fold in np.unique(folds))
    of_label = probabilities[np.arange(len(labels)), labels]
    loss = float(-np.log(np.maximum(of_label, _LEAST_PROBABILITY)).mean())
    return Tried(float(strength), accuracies, loss)
