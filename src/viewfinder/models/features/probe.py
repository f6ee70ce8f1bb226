"""The linear probe: logistic regression on features, with its regularisation chosen on folds.

Features are standardised to mean 0 and deviation 1. The folds of the training pictures are
stratified by class; duplicates and groups stay in one fold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import DataError
from viewfinder.core.randomness import ids
from viewfinder.core.words import percent
from viewfinder.data.dataset import Dataset
from viewfinder.data.splits.groups import GROUP, by_column, connected
from viewfinder.data.splits.placement import OrderedGroups, assign_folds
from viewfinder.models.features.logistic import Labels, Linear, Matrix, Rows, Subsets

# scikit-learn's C, the inverse of the L2 penalty: from strong regularisation to weak.
STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0)

_FEWEST_FOLDS, _MOST_FOLDS = 2, 5
# Sufficient to rank the strengths.
_FOLD_TOLERANCE = 1e-3
_LAST_TOLERANCE = 1e-5
_LEAST_PROBABILITY = 1e-12
# Folds are fitted together while their logits are at most so many.
_MOST_LOGITS = 1 << 23


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
            f"Linear head: mean accuracy {percent(best.accuracy)} on {len(best.accuracies)} folds "
            f"of the training pictures ({percent(min(best.accuracies))} to "
            f"{percent(max(best.accuracies))}), with C = {best.strength:g}."
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


@dataclass(frozen=True)
class FoldGroups:
    """What stays together in folds.

    Attributes:
        names: The name of each picture's group.
        note: What the user should know about the folds, or "".
    """

    names: list[str]
    note: str = ""


def fold_groups(dataset: Dataset) -> FoldGroups:
    """Return what stays in one fold: groups with all duplicates of their pictures, else contents.

    Where all pictures of a class are in one group, folds of groups are impossible, and only
    duplicates stay together.
    """
    table = dataset.table
    content = table["content"].where(table["content"] != "", table["locator"])
    if GROUP not in table:
        return FoldGroups(list(content))
    given = table[GROUP].fillna("").astype(str)
    keys = connected(by_column(table.assign(**{GROUP: given}), GROUP), by_column(table, "content"))
    names = given.where(given != "", content).groupby(keys).transform("min")
    groups_of = names.groupby(table["label"]).nunique()
    contents_of = content.groupby(table["label"]).nunique()
    alone = groups_of.index[(groups_of < _FEWEST_FOLDS) & (contents_of >= _FEWEST_FOLDS)]
    if not len(alone):
        return FoldGroups(list(names))
    more = f" and of {len(alone) - 1} more classes" if len(alone) > 1 else ""
    note = (
        f"All training pictures of {alone[0]}{more} are in one group, so folds cannot keep groups "
        "together. Only duplicates are kept together, and the accuracy on the folds is too high."
    )
    return FoldGroups(list(content), note)


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
    views = features.shape[1] if features.ndim == 3 else 1
    plain = features[:, 0] if features.ndim == 3 else features
    # The matrices are so small that several threads are slower than one.
    with threadpool_limits(1):
        flat = features.reshape(-1, features.shape[-1])
        rows = Rows.of(flat, labels.repeat(views), len(classes))
        scaled = [strength / views for strength in strengths]  # views of a picture weigh as one
        starts = np.zeros((len(strengths), flat.shape[1] + 1, 1, rows.outputs))
        out_of_fold = np.empty((len(strengths), len(labels), len(classes)))
        numbers = np.unique(folds)
        at_once = max(1, _MOST_LOGITS // (len(flat) * rows.outputs))
        for some in np.split(numbers, list(range(at_once, len(numbers), at_once))):
            subsets = Subsets(rows, (folds[:, None] != some).repeat(views, axis=0))
            at = None
            for index, strength in enumerate(scaled):
                at = subsets.fitted(strength, _FOLD_TOLERANCE, at)
                starts[index] += at.sum(axis=1, keepdims=True) / len(numbers)
                for fold, head in zip(some, subsets.classifiers(at), strict=True):
                    left_out = folds == fold
                    out_of_fold[index, left_out] = head.probabilities(plain[left_out])
        tried = tuple(
            _tried(strength, probabilities, labels, folds)
            for strength, probabilities in zip(strengths, out_of_fold, strict=True)
        )
        best = max(tried, key=lambda result: (round(result.accuracy, 9), -result.loss))
        index = tried.index(best)
        whole = Subsets(rows, np.ones((len(flat), 1), np.bool_))
        (head,) = whole.classifiers(whole.fitted(scaled[index], _LAST_TOLERANCE, starts[index]))
    return Probe(head, tried, best, out_of_fold[index])


def fold_numbers(
    labels: Labels, groups: Sequence[str], classes: Sequence[str], *, seed: int
) -> NDArray[np.intp]:
    """Return each picture's fold, from 0, shape `(n,)`: stratified, and with whole groups.

    Raises:
        DataError: A class has too few pictures for two folds.
    """
    names, keys = np.unique(np.asarray(groups), return_inverse=True)
    ordered = OrderedGroups.of("folds", seed, ids(names.tolist())[keys], labels, keys)
    counts = np.bincount(ordered.label, minlength=len(classes))
    if counts.min() < _FEWEST_FOLDS:
        raise DataError(
            f"There are too few pictures of {classes[int(counts.argmin())]} for two folds.",
            expected="at least 2 different training pictures of each class",
            received=str(counts.min()),
        )
    nothing = np.zeros((len(classes), min(_MOST_FOLDS, int(counts.min()))), np.int64)
    folds = assign_folds(ordered, nothing)
    present = np.zeros((len(classes), len(names)), np.bool_)
    present[labels, folds] = True
    if (present.sum(axis=1) < _FEWEST_FOLDS).any():
        folds = ordered.numbers  # no class is in one group only: a fold for each group serves all
    return folds.astype(np.intp)


def _tried(
    strength: float, probabilities: NDArray[np.float64], labels: Labels, folds: NDArray[np.intp]
) -> Tried:
    correct = probabilities.argmax(axis=1) == labels
    accuracies = tuple(float(correct[folds == fold].mean()) for fold in np.unique(folds))
    of_label = probabilities[np.arange(len(labels)), labels]
    loss = float(-np.log(np.maximum(of_label, _LEAST_PROBABILITY)).mean())
    return Tried(float(strength), accuracies, loss)
