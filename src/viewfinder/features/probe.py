"""The linear probe: logistic regression on features, its regularisation chosen on folds.

The features are brought to mean 0 and deviation 1 first. The folds part the training pictures by
class; what belongs together (copies of a picture, groups) stays in one fold.
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
# Enough to rank the strengths.
_FOLD_TOLERANCE = 1e-3
_LAST_TOLERANCE = 1e-4
_LEAST_PROBABILITY = 1e-12
# Of a column's largest value: what changes less is rounding.
_CONSTANT = 1e-6


@dataclass(frozen=True)
class Linear:
    """A linear classifier of raw features: the standardisation is part of its weights.

    Attributes:
        weights: float32, shape (d, k); k is 1 for two classes, else the number of classes.
        bias: float32, shape (k,).
    """

    weights: Matrix
    bias: Matrix

    def probabilities(self, features: Matrix) -> NDArray[np.float64]:
        """The classes' probabilities, float64, shape (n, classes); every row sums to 1."""
        logits = np.asarray(features, np.float64) @ self.weights + self.bias
        if logits.shape[1] == 1:
            logits = np.hstack([np.zeros_like(logits), logits])
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float64)


@dataclass(frozen=True)
class Tried:
    """What a strength of regularisation came to on the folds.

    Attributes:
        strength: scikit-learn's C.
        accuracies: One for each fold, 0 to 1.
        loss: The mean cross-entropy of the out-of-fold probabilities, in nats.
    """

    strength: float
    accuracies: tuple[float, ...]
    loss: float

    @property
    def accuracy(self) -> float:
        """The mean of the folds."""
        return float(np.mean(self.accuracies))


@dataclass(frozen=True)
class Probe:
    """A linear classifier, and what the folds said of it.

    Attributes:
        head: Fitted on all pictures at the best strength.
        tried: Every strength that was tried.
        best: The one that was taken: the highest mean accuracy, at ties the lowest loss.
        out_of_fold: Each picture's probabilities from a head that was not fitted on it, float64,
            shape (n, classes), at the best strength.
    """

    head: Linear
    tried: tuple[Tried, ...]
    best: Tried
    out_of_fold: NDArray[np.float64]

    def in_words(self) -> str:
        """What the folds said, as a line."""
        best = self.best
        return (
            f"Linear head: right on {best.accuracy:.1%} of the training pictures on "
            f"{len(best.accuracies)} folds ({min(best.accuracies):.1%} to "
            f"{max(best.accuracies):.1%}), with C = {best.strength:g}."
        )

    def to_json(self) -> dict[str, Any]:
        """What `probe.json` says; see docs/formats.md."""
        tried = [
            {
                "strength": one.strength,
                "accuracy": one.accuracy,
                "accuracies": list(one.accuracies),
                "loss": one.loss,
            }
            for one in self.tried
        ]
        return {"chosen": self.best.strength, "accuracy": self.best.accuracy, "tried": tried}


def what_belongs_together(dataset: Dataset) -> list[str]:
    """For each picture what it belongs to: its group, or else its content, so that copies do."""
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
    belongs: Sequence[str] | None = None,
    seed: int = 0,
    strengths: Sequence[float] = STRENGTHS,
) -> Probe:
    """Fit a linear classifier on features.

    Args:
        features: float32, shape (n, d), or (n, views, d) where each picture has several.
        labels: Class indices, int64, shape `(n,)`.
        classes: The names.
        belongs: For each picture a name of what it belongs to: equal ones stay in one fold.
        seed: Decides the folds.
        strengths: The values of C to choose from.

    Raises:
        DataError: A class has too few pictures for two folds.
    """
    from threadpoolctl import threadpool_limits

    names = [str(row) for row in range(len(labels))] if belongs is None else list(belongs)
    folds = fold_numbers(labels, names, classes, seed=seed)
    plain = features[:, 0] if features.ndim == 3 else features
    # The matrices are small: threads would wait for each other longer than they work.
    with threadpool_limits(1):
        out_of_fold = np.empty((len(strengths), len(labels), len(classes)))
        for fold in np.unique(folds):
            left = folds != fold
            heads = _fitted(features[left], labels[left], strengths, _FOLD_TOLERANCE)
            for place, head in enumerate(heads):
                out_of_fold[place, ~left] = head.probabilities(plain[~left])
        tried = tuple(
            _tried(strength, chances, labels, folds)
            for strength, chances in zip(strengths, out_of_fold, strict=True)
        )
        best = max(tried, key=lambda one: (round(one.accuracy, 9), -one.loss))
        (head,) = _fitted(features, labels, [best.strength], _LAST_TOLERANCE)
    return Probe(head, tried, best, out_of_fold[tried.index(best)])


def fold_numbers(
    labels: Labels, belongs: Sequence[str], classes: Sequence[str], *, seed: int
) -> NDArray[np.intp]:
    """Which fold each picture is in, from 0, shape `(n,)`: stratified, what belongs together whole.

    Raises:
        DataError: A class has too few pictures for two folds.
    """
    names, first, member = np.unique(np.asarray(belongs), return_index=True, return_inverse=True)
    label_of = labels[first]  # copies under two labels go with the first one's class
    counts = np.bincount(label_of, minlength=len(classes))
    if counts.min() < 2:
        raise DataError(
            f"There are too few pictures of {classes[int(counts.argmin())]} to choose on folds.",
            expected="at least 2 different training pictures of each class",
            received=str(counts.min()),
        )
    order = Randomness(seed).order("folds", epoch=-1, examples=ids(names.tolist()))
    fold_of = np.empty(len(names), np.intp)
    fold_count = min(_MOST_FOLDS, int(counts.min()))
    dealt = 0  # classes go on dealing where the last one ended, so that folds are of one size
    for label in range(len(classes)):
        rows = order[label_of[order] == label]
        fold_of[rows] = (dealt + np.arange(len(rows))) % fold_count
        dealt += len(rows)
    folds: NDArray[np.intp] = fold_of[member]
    return folds


def deviations(rows: Matrix) -> Matrix:
    """Each column's standard deviation, float32, shape (d,); 1 where a column never changes."""
    found: Matrix = rows.std(axis=0, dtype=np.float64).astype(np.float32)
    found[found <= _CONSTANT * np.abs(rows).max(axis=0, initial=0)] = 1
    return found


def _fitted(
    features: Matrix, labels: Labels, strengths: Sequence[float], tolerance: float
) -> list[Linear]:
    """A head for each strength; each starts where the one before it has ended."""
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
        model.set_params(C=strength / views)  # the views of a picture count as one
        with warnings.catch_warnings():
            # A fit that is cut short at very weak regularisation is judged like the others.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(scaled, labels.repeat(views))
        weights = (model.coef_ / deviation).T.astype(np.float32)
        bias = (model.intercept_ - mean @ weights).astype(np.float32)
        heads.append(Linear(weights, bias))
    return heads


def _tried(
    strength: float, chances: NDArray[np.float64], labels: Labels, folds: NDArray[np.intp]
) -> Tried:
    right = chances.argmax(axis=1) == labels
    accuracies = tuple(float(right[folds == fold].mean()) for fold in np.unique(folds))
    given = chances[np.arange(len(labels)), labels]
    loss = float(-np.log(np.maximum(given, _LEAST_PROBABILITY)).mean())
    return Tried(float(strength), accuracies, loss)
