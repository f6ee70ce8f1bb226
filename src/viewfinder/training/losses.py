"""The losses: cross-entropy and focal loss over integer labels, and weights for uneven classes."""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from viewfinder.recipe import Training


def loss_for(training: Training, classes: int) -> Any:
    """What `model.compile` takes for the recipe's loss.

    Keras's own name where it has one. Its focal losses and its label smoothing need one-hot
    labels, so that these are `SmoothOrFocal`, as is the loss of blended pictures; and PyTorch's
    loss for two classes raises where a probability is no number, which is to end the training in
    words.
    """
    gamma = training.focal_gamma if training.loss == "focal" else 0.0
    refuses_nan = classes == 2 and keras.backend.backend() == "torch"
    if gamma or training.label_smoothing or training.mixup or refuses_nan:
        return SmoothOrFocal(gamma=gamma, smoothing=training.label_smoothing)
    return "binary_crossentropy" if classes == 2 else "sparse_categorical_crossentropy"


def class_weights(labels: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """A weight for each class so that all classes weigh the same, and a picture 1 on average.

    Args:
        labels: The training pictures' classes, shape (n,).
        classes: How many classes there are; one without pictures has weight 0.

    Returns:
        float32, shape (classes,).
    """
    counts = np.bincount(labels, minlength=classes)
    shares = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return np.where(counts > 0, shares, 0).astype(np.float32)


def has_shares(y_true: Any) -> bool:
    """Whether these are shares of classes, (n, k), and not labels, (n,) or (n, 1)."""
    return len(y_true.shape) == 2 and y_true.shape[-1] != 1


class SmoothOrFocal(keras.losses.Loss):
    """Cross-entropy over integer labels or shares, with label smoothing or a focal factor.

    With target t (1 for the class itself, each of k classes then smoothed to (1 - s) t + s / k)
    and probability p, the loss of a picture is the sum over classes of -(1 - p)^gamma t log p.
    That is `keras.losses.CategoricalFocalCrossentropy` with alpha 1.

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

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Losses, shape (n,), for probabilities (n, 1) or (n, k).

        `y_true` holds labels, (n,) or (n, 1), or each picture's shares of the classes, (n, k).
        """
        if y_pred.shape[-1] == 1:
            y_pred = ops.concatenate([1 - y_pred, y_pred], axis=-1)
        classes = y_pred.shape[-1]
        shares = ops.clip(y_pred, keras.config.epsilon(), 1 - keras.config.epsilon())
        if has_shares(y_true):
            target = ops.cast(y_true, shares.dtype)
        else:
            labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
            target = ops.one_hot(labels, classes, dtype=shares.dtype)
        target = target * (1 - self.smoothing) + self.smoothing / classes
        terms = -target * ops.log(shares)
        if self.gamma:
            terms = terms * ops.power(1 - shares, self.gamma)
        return ops.sum(terms, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """The settings, for Keras."""
        return {**super().get_config(), "gamma": self.gamma, "smoothing": self.smoothing}
