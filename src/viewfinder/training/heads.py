"""Fits heads on stored features, and joins base and head into one plain `keras.Model`."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from viewfinder.augment.feature_batches import FeatureBatches
from viewfinder.bases.networks import BuiltBase
from viewfinder.bases.networks.built import LAST_LAYER
from viewfinder.core.progress import Progress
from viewfinder.core.randomness import Randomness
from viewfinder.models.features.logistic import Linear, deviations
from viewfinder.models.fitted import Fitted
from viewfinder.models.networks.head import add_head
from viewfinder.models.networks.transfer import with_head
from viewfinder.recipe import Recipe
from viewfinder.recipe.transfer import Head
from viewfinder.training.compiled import compile_model
from viewfinder.training.fit import BEST, fit

Matrix = NDArray[np.float32]

# Kernel and bias of each layer of a head on raw features, by the layer's name.
HeadWeights = dict[str, tuple[Matrix, Matrix]]


def fit_head(
    train: FeatureBatches,
    validation: FeatureBatches | None,
    recipe: Recipe,
    head: Head,
    folder: Path,
    *,
    progress: Progress,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> tuple[HeadWeights, Fitted]:
    """Train a head with dense layers by steps on features; resume from a checkpoint, if any.

    The features are scaled to mean 0 and standard deviation 1. Ctrl-C ends the training, not the
    program, and returns the best epoch so far.

    Args:
        train: Features of the training pictures, in all views.
        validation: Features that select the best epoch; None to keep the last one.
        recipe: The training settings.
        head: The head's settings; at least one dense layer.
        folder: The folder of the head's models, history and checkpoints.
        progress: Prints and draws the epochs.
        callbacks: Further Keras callbacks.

    Returns:
        The weights of the best epoch, adapted to unscaled features; and the outcome of the fit.
    """
    mean, deviation = mean_and_deviation(train)
    model = compiled_head(train, recipe, head)
    fitted = fit(
        model,
        train.scaled(mean, deviation),
        None if validation is None else validation.scaled(mean, deviation),
        recipe,
        folder,
        progress=progress,
        callbacks=callbacks,
        resume=True,
    )
    weights = _folded(keras.saving.load_model(folder / BEST, compile=False))
    first = next(iter(weights))
    kernel, bias = weights[first]
    kernel = kernel / deviation[:, None]
    weights[first] = (kernel, bias - mean @ kernel)
    return weights, fitted


def mean_and_deviation(train: FeatureBatches) -> tuple[Matrix, Matrix]:
    """Return the features' means and standard deviations: float32, each of shape (d,)."""
    rows = train.features.reshape(-1, train.features.shape[-1])
    return rows.mean(axis=0, dtype=np.float64).astype(np.float32), deviations(rows)


def compiled_head(train: FeatureBatches, recipe: Recipe, head: Head) -> keras.Model:
    """Return a compiled head for scaled features, with initial weights."""
    classes = 1 + int(train.labels.max())
    inputs = keras.Input((train.features.shape[-1],), name="features")
    outputs = add_head(inputs, head, classes, Randomness(recipe.seed))
    model = keras.Model(inputs, outputs, name="head")
    compile_model(model, recipe, steps=len(train) * recipe.steps.epochs)
    return model


def _folded(head: keras.Model) -> HeadWeights:
    """Return the weights of a head's dense layers, batch norms folded into them."""
    weights: HeadWeights = {}
    dense = ""
    for layer in head.layers:
        if isinstance(layer, keras.layers.Dense):
            dense = layer.name
            kernel, *bias = layer.get_weights()
            weights[dense] = (kernel, bias[0] if bias else np.zeros(kernel.shape[1], np.float32))
        elif isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            scale = gamma / np.sqrt(variance + layer.epsilon)
            kernel, offset = weights[dense]
            weights[dense] = (kernel * scale, (offset - mean) * scale + beta)
    return weights


def linear_weights(head: Linear) -> HeadWeights:
    """Return a linear classifier as the weights of a head without hidden layers."""
    return {LAST_LAYER: (head.weights, head.bias)}


def with_fitted_head(
    built: BuiltBase, head: Head, weights: HeadWeights, *, seed: int, name: str
) -> keras.Model:
    """Join a base and the head fitted on its features into one model.

    Args:
        built: The base, which the model shares.
        head: The head's settings, with the pooling of the features and without norms.
        weights: The head's weights.
        seed: The seed of the head's dropout.
        name: The model's name.

    Returns:
        A functional model from pixels 0 to 255 to probabilities, not compiled.
    """
    outputs = weights[LAST_LAYER][1].shape[0]
    model = with_head(built, head, max(2, outputs), seed=seed, name=name)
    for layer, (kernel, bias) in weights.items():
        model.get_layer(layer).set_weights([kernel, bias])
    return model


def head_probabilities(weights: HeadWeights, features: Matrix) -> NDArray[np.float64]:
    """Return probabilities for raw features (n, d): float64, shape (n, classes), sum 1."""
    *dense, (kernel, bias) = weights.values()
    rows = features
    for inner_kernel, inner_bias in dense:
        rows = np.maximum(rows @ inner_kernel + inner_bias, 0)
    return Linear(kernel, bias).probabilities(rows)
