"""Logistic regression with an L2 penalty, on several subsets of the same rows at once.

The subsets of cross-validation share each pass over the features, so that five folds take little
longer than one. SciPy's L-BFGS-B minimises the sum of their losses; scikit-learn fits one subset at
a time, and its import alone takes longer than the fits.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Labels = NDArray[np.int64]
# Coefficients or their gradient, shape (d + 1, subsets, outputs); the last row is the intercepts.
Coefficients = NDArray[np.float64]
# A value for each subset, shape (subsets,).
Values = NDArray[np.float64]

_MOST_STEPS = 200
# A deviation below this share of a column's largest value is rounding.
_CONSTANT = 1e-6
# The same for a subset of standardised rows, in single precision.
_CONSTANT_IN_SUBSET = 1e-3


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


@dataclass(frozen=True, eq=False)
class Rows:
    """Features to fit on, scaled to mean 0 and deviation 1.

    Attributes:
        scaled: float32, shape (n, d).
        labels: Class indices, int64, shape `(n,)`.
        classes: The number of classes.
        mean: Of the raw features, float32, shape (d,).
        deviation: The same.
    """

    scaled: Matrix
    labels: Labels
    classes: int
    mean: Matrix
    deviation: Matrix

    @classmethod
    def of(cls, features: Matrix, labels: Labels, classes: int) -> "Rows":
        """Return these features, float32, shape (n, d), scaled."""
        mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
        deviation = deviations(features)
        return cls((features - mean) / deviation, labels, classes, mean, deviation)

    @property
    def outputs(self) -> int:
        """The outputs of a classifier: one for two classes, else one a class."""
        return 1 if self.classes == 2 else self.classes


def deviations(rows: Matrix) -> Matrix:
    """Return each column's standard deviation, float32, shape (d,); 1 for a constant column."""
    found: Matrix = rows.std(axis=0, dtype=np.float64).astype(np.float32)
    found[found <= _CONSTANT * np.abs(rows).max(axis=0, initial=0)] = 1
    return found


@dataclass(frozen=True, eq=False)
class Subsets:
    """Subsets of rows, for each of which a classifier is fitted; each is standardised by itself.

    Attributes:
        rows: All rows.
        masks: Whether each row is in each subset, shape (n, subsets).
    """

    rows: Rows
    masks: NDArray[np.bool_]

    def fitted(
        self, strength: float, tolerance: float, start: Coefficients | None = None
    ) -> Coefficients:
        """Return the coefficients that minimise cross-entropy and penalty, for each subset.

        Args:
            strength: scikit-learn's C, the inverse of the penalty.
            tolerance: The largest component of the gradient, per row, at which the fits end. They
                end earlier where the penalty is very weak; the result is then used all the same.
            start: The first coefficients; by default 0.
        """
        from scipy.optimize import minimize

        shape = (self.rows.scaled.shape[1] + 1, self.masks.shape[1], self.rows.outputs)
        penalties = 1 / (strength * self.masks.sum(axis=0))

        def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            value, gradient = self._loss(flat.reshape(shape), penalties)
            return value, gradient.ravel()

        first = np.zeros(shape) if start is None else start
        options = {"gtol": tolerance, "ftol": 0, "maxiter": _MOST_STEPS}
        found = minimize(loss, first.ravel(), method="L-BFGS-B", jac=True, options=options)
        return np.asarray(found.x.reshape(shape))

    def classifiers(self, coefficients: Coefficients) -> list[Linear]:
        """Return the classifiers of raw features with these coefficients, one a subset."""
        kernels, biases = self._on_scaled(coefficients)
        kernels = kernels / self.rows.deviation[:, None, None]
        biases = biases - np.tensordot(self.rows.mean, kernels, 1)
        return [
            Linear(kernels[:, at].astype(np.float32), biases[at].astype(np.float32))
            for at in range(self.masks.shape[1])
        ]

    def _loss(self, at: Coefficients, penalties: Values) -> tuple[float, Coefficients]:
        """Return the subsets' mean losses with their penalties, summed, and the gradient."""
        kernels, biases = self._on_scaled(at)
        features, count = self.rows.scaled, len(self.rows.scaled)
        flat = kernels.astype(np.float32).reshape(features.shape[1], -1)
        logits = (features @ flat).reshape(count, *kernels.shape[1:]) + biases  # now float64
        losses, slopes = _cross_entropy(logits, self.rows.labels)
        losses, slopes = losses * self._weights, slopes * self._weights[..., None]
        by_row = slopes.reshape(count, -1).astype(np.float32)
        inner = (features.T @ by_row).reshape(kernels.shape)
        of_biases = slopes.sum(axis=0)
        mean, deviation = self._moments
        gradient = np.empty_like(at)
        gradient[:-1] = (inner - mean[..., None] * of_biases) / deviation[..., None]
        gradient[:-1] += penalties[:, None] * at[:-1]
        gradient[-1] = of_biases
        squares = (at[:-1] ** 2).sum(axis=(0, 2))
        return float(losses.sum() + penalties @ squares / 2), gradient

    def _on_scaled(self, at: Coefficients) -> tuple[Coefficients, NDArray[np.float64]]:
        """Return weights and biases for rows scaled as a whole, not by subset."""
        mean, deviation = self._moments
        kernels = at[:-1] / deviation[..., None]
        return kernels, at[-1] - (mean[..., None] * kernels).sum(axis=0)

    @cached_property
    def _weights(self) -> Matrix:
        """The weight of each row in the mean of each subset, shape (n, subsets)."""
        shares: Matrix = (self.masks / self.masks.sum(axis=0)).astype(np.float32)
        return shares

    @cached_property
    def _moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and deviation of each column in each subset, each of shape (d, subsets)."""
        scaled = self.rows.scaled
        mean = (scaled.T @ self._weights).astype(np.float64)
        squares = np.square(scaled).T @ self._weights
        deviation = np.sqrt(np.maximum(squares - mean**2, 0))
        deviation[deviation <= _CONSTANT_IN_SUBSET * np.sqrt(squares)] = 1
        return mean, deviation


def _cross_entropy(
    logits: NDArray[np.float64], labels: Labels
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each row's loss, shape (n, subsets), and its derivative by the logits."""
    if logits.shape[2] == 1:
        is_second = (labels == 1)[:, None]
        margins = logits[..., 0]
        losses = np.logaddexp(0, margins) - margins * is_second
        return losses, (0.5 * (1 + np.tanh(margins / 2)) - is_second)[..., None]
    of_label = labels[:, None, None]
    lifted = logits - logits.max(axis=2, keepdims=True)
    shares = np.exp(lifted)
    sums = shares.sum(axis=2, keepdims=True)
    losses = np.log(sums) - np.take_along_axis(lifted, of_label, axis=2)
    shares /= sums
    known = np.take_along_axis(shares, of_label, axis=2)
    np.put_along_axis(shares, of_label, known - 1, axis=2)
    return losses[..., 0], shares
