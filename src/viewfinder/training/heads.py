"""Heads on stored features, and the finished model: base and head as one plain `keras.Model`."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
from numpy.typing import NDArray

from viewfinder.bases.networks import Backbone
from viewfinder.bases.networks.backbone import LAST_LAYER
from viewfinder.batches.features import FeatureBatches
from viewfinder.core.progress import Progress
from viewfinder.core.randomness import Randomness
from viewfinder.features.probe import Linear, deviations
from viewfinder.models.head import add_head
from viewfinder.models.transfer import with_head
from viewfinder.recipe import Recipe
from viewfinder.recipe.transfer import Head
from viewfinder.training.compiled import compile_model
from viewfinder.training.fit import BEST, Fitted, fit

Matrix = NDArray[np.float32]

# Kernel and bias of a head's layers for raw features, by the layer's name.
HeadWeights = dict[str, tuple[Matrix, Matrix]]


@dataclass(frozen=True)
class HeadFit:
    """A head that has been trained on features.

    Attributes:
        weights: Its layers' weights; the first layer's take raw features.
        fitted: How the training went.
    """

    weights: HeadWeights
    fitted: Fitted


def fit_head(
    train: FeatureBatches,
    validation: FeatureBatches,
    recipe: Recipe,
    head: Head,
    *,
    progress: Progress,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    folder: Path | None = None,
) -> HeadFit:
    """Train a head with dense layers on features.

    The features are brought to mean 0 and deviation 1 for it. Ctrl-C ends the training, not the
    program: the best epoch so far is what is given.

    Args:
        train: Features, in all their views.
        validation: What chooses the best epoch.
        recipe: Says how it is fitted.
        head: Has at least one dense layer.
        progress: Shows the epochs.
        callbacks: Further Keras callbacks.
        folder: Where it is kept, and goes on if it was stopped; None keeps nothing.
    """
    mean, deviation = mean_and_deviation(train)
    model = compiled_head(train, recipe, head)
    scaled = (train.scaled(mean, deviation), validation.scaled(mean, deviation))
    with nullcontext(folder) if folder else TemporaryDirectory() as kept:
        place = Path(kept)
        fitted = fit(
            model, *scaled, recipe, place, progress=progress, callbacks=callbacks, resume=True
        )
        best = keras.saving.load_model(place / BEST, compile=False)
    weights = _folded(best)
    first = next(iter(weights))
    kernel, bias = weights[first]
    kernel = kernel / deviation[:, None]
    weights[first] = (kernel, bias - mean @ kernel)
    return HeadFit(weights, fitted)


def mean_and_deviation(train: FeatureBatches) -> tuple[Matrix, Matrix]:
    """What features are brought to mean 0 and deviation 1 by: float32, each of shape (d,)."""
    rows = train.features.reshape(-1, train.features.shape[-1])
    return rows.mean(axis=0, dtype=np.float64).astype(np.float32), deviations(rows)


def compiled_head(train: FeatureBatches, recipe: Recipe, head: Head) -> keras.Model:
    """A head for scaled features, with first weights, ready to be fitted."""
    classes = 1 + int(train.labels.max())
    inputs = keras.Input((train.features.shape[-1],), name="features")
    outputs = add_head(inputs, head, classes, Randomness(recipe.seed))
    model = keras.Model(inputs, outputs, name="head")
    compile_model(model, recipe, steps=len(train) * recipe.training.epochs)
    return model


def _folded(head: keras.Model) -> HeadWeights:
    """The weights of a head's dense layers, each with the batch norm that follows it folded in."""
    weights: HeadWeights = {}
    last = ""
    for layer in head.layers:
        if isinstance(layer, keras.layers.Dense):
            last = layer.name
            kernel, *bias = layer.get_weights()
            weights[last] = (kernel, bias[0] if bias else np.zeros(kernel.shape[1], np.float32))
        elif isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            scale = gamma / np.sqrt(variance + layer.epsilon)
            kernel, middle = weights[last]
            weights[last] = (kernel * scale, (middle - mean) * scale + beta)
    return weights


def linear_weights(head: Linear) -> HeadWeights:
    """A linear classifier as the weights of a head without dense layers."""
    return {LAST_LAYER: (head.weights, head.bias)}


def with_fitted_head(
    backbone: Backbone, head: Head, weights: HeadWeights, *, seed: int, name: str
) -> keras.Model:
    """A base and the head that was fitted on its features, as one model.

    Args:
        backbone: It is used, not copied.
        head: Its pooling is that of the features; it has no norms.
        weights: The head's.
        seed: Of the head's dropout.
        name: The model's name.

    Returns:
        A functional model from pixels 0 to 255 to probabilities, not compiled.
    """
    outputs = weights[LAST_LAYER][1].shape[0]
    model = with_head(backbone, head, max(2, outputs), seed=seed, name=name)
    set_head(model, weights)
    return model


def set_head(model: keras.Model, weights: HeadWeights) -> None:
    """Give a model's head the weights that were fitted on features."""
    for layer, (kernel, bias) in weights.items():
        model.get_layer(layer).set_weights([kernel, bias])


def head_probabilities(weights: HeadWeights, features: Matrix) -> NDArray[np.float64]:
    """What a head says of raw features (n, d): float64, shape (n, classes), rows sum to 1."""
    *dense, (kernel, bias) = weights.values()
    rows = features
    for inner_kernel, inner_bias in dense:
        rows = np.maximum(rows @ inner_kernel + inner_bias, 0)
    return Linear(kernel, bias).probabilities(rows)
