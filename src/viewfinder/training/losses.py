"""Cross-entropy and focal loss over integer labels, and weights for imbalanced classes."""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.recipe import Steps


def loss_for(training: Steps, classes: int) -> Any:
    """Return the recipe's loss, for `model.compile`.

    Plain cross-entropy is Keras's own. Keras's focal losses and label smoothing need one-hot
    labels, so `SmoothOrFocal` replaces them, also for blended pictures. On PyTorch it replaces
    Keras's loss for two classes too, which raises on a NaN before the training can report it.
    """
    loss = training.loss
    refuses_nan = classes == 2 and keras.backend.backend() == "torch"
    if loss.gamma or loss.label_smoothing or training.mixup or refuses_nan:
        return SmoothOrFocal(gamma=loss.gamma, smoothing=loss.label_smoothing)
    return "binary_crossentropy" if classes == 2 else "sparse_categorical_crossentropy"


def class_weights(labels: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """Return class weights that give all classes the same total, and pictures 1 on average.

    Args:
        labels: The training pictures' classes, shape (n,).
        classes: The number of classes; a class without pictures gets weight 0.

    Returns:
        float32, shape (classes,).
    """
    counts = np.bincount(labels, minlength=classes)
    shares = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return np.where(counts > 0, shares, 0).astype(np.float32)


def has_shares(y_true: Any) -> bool:
    """Whether targets are shares of classes, (n, k), rather than labels, (n,) or (n, 1)."""
    return len(y_true.shape) == 2 and y_true.shape[-1] != 1


class SmoothOrFocal(keras.losses.Loss):
    """Cross-entropy over integer labels or shares, with label smoothing or a focal factor.

    With target t (one-hot, or the share of each of k classes, then smoothed to (1 - s) t + s / k)
    and probability p, the loss of a picture is the sum over classes of -(1 - p)^gamma t log p.
    It equals `keras.losses.CategoricalFocalCrossentropy` with alpha 1.

    Args:
        gamma: The focal exponent; 0 is plain cross-entropy.
        smoothing: s, from 0 to 1.
    """

    def __init__(
        self,
        gamma: float = 0.0,
        smoothing: float = 0.0,
        name: str = "smooth_or_focal",
        **settings: Any,
    ) -> None:
        super().__init__(name=name, **settings)
        self.gamma = gamma
        self.smoothing = smoothing

    @override
    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the losses, shape (n,), for probabilities (n, 1) or (n, k).

        Args:
            y_true: Labels, (n,) or (n, 1), or shares of the classes, (n, k).
            y_pred: Probabilities; (n, 1) is the probability of the second of two classes.
        """
        if y_pred.shape[-1] == 1:
            y_pred = ops.concatenate([1 - y_pred, y_pred], axis=-1)
        classes = y_pred.shape[-1]
        probabilities = ops.clip(y_pred, keras.config.epsilon(), 1 - keras.config.epsilon())
        if has_shares(y_true):
            target = ops.cast(y_true, probabilities.dtype)
        else:
            labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
            target = ops.one_hot(labels, classes, dtype=probabilities.dtype)
        target = target * (1 - self.smoothing) + self.smoothing / classes
        terms = -target * ops.log(probabilities)
        if self.gamma:
            terms = terms * ops.power(1 - probabilities, self.gamma)
        return ops.sum(terms, axis=-1)

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gamma": self.gamma, "smoothing": self.smoothing}
