"""How likely each label is to be right, given out-of-fold probabilities."""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Signal = NDArray[np.float64]

_LEAST = 1e-12
# Rows that the two numbers of the model are fitted to.
_MOST_FITTED = 20_000


def right_labels(labels: NDArray[np.integer], probabilities: Matrix) -> Signal:
    """Return the probability that each label is right, shape `(n,)`.

    The model has two numbers, fitted by maximum likelihood. A temperature turns the probabilities
    into calibrated ones, q; and a share e of the labels was replaced at random by another class.
    A label is then right with probability (1 - e) q / ((1 - e) q + e (1 - q) / (k - 1)), where q is
    that of the label (the local false discovery rate of B. Efron, "Large-Scale Inference", 2010).
    Without wrong labels, e is near 0 and every label likely to be right, difficult pictures too.

    Args:
        labels: The classes, shape `(n,)`.
        probabilities: Out of fold, shape `(n, k)`.
    """
    from scipy.optimize import minimize

    count, classes = probabilities.shape
    if not count or classes < 2:
        return np.ones(count)
    logits = np.log(np.maximum(probabilities, _LEAST))
    some = slice(None, None, -(-count // _MOST_FITTED))

    def shares(numbers: Signal, rows: slice) -> tuple[Signal, Signal]:
        """The probability of each label by being right, and by being replaced."""
        temperature = np.exp(np.clip(numbers[0], -4, 4))
        noise = 1 / (1 + np.exp(-np.clip(numbers[1], -20, 0)))
        scaled = logits[rows] / temperature
        scaled -= scaled.max(axis=1, keepdims=True)
        of_label = np.take_along_axis(scaled, labels[rows, None], axis=1)[:, 0]
        q = np.exp(of_label) / np.exp(scaled).sum(axis=1)
        return (1 - noise) * q, noise * (1 - q) / (classes - 1)

    def loss(numbers: Signal) -> float:
        return float(-np.log(np.maximum(sum(shares(numbers, some)), 1e-300)).mean())

    starts = ([0.0, -4.0], [-0.7, -2.0])
    fits = [minimize(loss, start, method="Nelder-Mead") for start in starts]
    right, wrong = shares(min(fits, key=lambda fit: fit.fun).x, slice(None))
    return np.asarray(right / np.maximum(right + wrong, 1e-300))


def surely_wrong(right: Signal, most_right: float) -> NDArray[np.bool_]:
    """Return the mask of the labels least likely to be right, whose mean probability is bounded.

    Args:
        right: The probability that each label is right, shape `(n,)`.
        most_right: The bound of the mean, which is the expected share of right labels in the mask.
    """
    order = np.argsort(right, kind="stable")
    means = np.cumsum(right[order]) / np.arange(1, len(right) + 1)
    chosen = np.zeros(len(right), np.bool_)
    chosen[order[: int(np.searchsorted(means, most_right, side="right"))]] = True
    return chosen
