"""The head on a base: pooling, dense layers, dropout; and the last layer of every network."""

from typing import Any

import keras
from keras import layers

from viewfinder.bases.networks.built import HEAD, LAST_LAYER
from viewfinder.bases.networks.seeding import seed_of
from viewfinder.core.errors import RecipeError
from viewfinder.core.randomness import Randomness
from viewfinder.recipe.transfer import Head, Pooling

# With Keras's 0.99, averages need hundreds of steps; small datasets have a few dozen.
NORM_MOMENTUM = 0.9


def add_head(features: Any, head: Head, classes: int, randomness: Randomness) -> Any:
    """Add a head to a feature map.

    Args:
        features: A Keras tensor: a map (n, rows, columns, channels), a sequence (n, positions,
            channels), or vectors (n, k), which are not pooled.
        head: The settings of the head.
        classes: The number of classes, at least 2.
        randomness: Draws the initial weights.

    Returns:
        The probabilities of :func:`last_layer`.

    Raises:
        RecipeError: The features cannot be flattened or pooled.
    """
    x = pooled(features, head.pooling)
    for number, units in enumerate(head.dense, start=1):
        name = f"{HEAD}dense_{number}"
        x = layers.Dense(
            units,
            activation=None if head.batch_norm else "relu",
            use_bias=not head.batch_norm,  # the norm that follows has a bias
            kernel_initializer=keras.initializers.GlorotUniform(seed_of(randomness, name)),
            kernel_regularizer=penalty(head.l2),
            name=name,
        )(x)
        if head.batch_norm:
            x = layers.BatchNormalization(momentum=NORM_MOMENTUM, name=f"{name}_norm")(x)
            x = layers.Activation("relu", name=f"{name}_relu")(x)
    if head.dropout:
        name = f"{HEAD}dropout"
        x = layers.Dropout(head.dropout, seed=seed_of(randomness, name), name=name)(x)
    return last_layer(x, classes, randomness, head.l2)


def last_layer(x: Any, classes: int, randomness: Randomness, l2: float = 0.0) -> Any:
    """Add the last layer: one sigmoid for two classes, a softmax for more; in float32."""
    units, activation = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    return layers.Dense(
        units,
        activation=activation,
        kernel_initializer=keras.initializers.GlorotUniform(seed_of(randomness, LAST_LAYER)),
        kernel_regularizer=penalty(l2),
        dtype="float32",
        name=LAST_LAYER,
    )(x)


def penalty(l2: float) -> keras.regularizers.L2 | None:
    """Return a regularizer with this weight of squared kernels in the loss, or None for 0."""
    return keras.regularizers.L2(l2) if l2 else None


def model_name(recipe_name: str) -> str:
    """Return a name with all characters that Keras may refuse replaced."""
    return "".join(letter if letter.isalnum() else "_" for letter in recipe_name)


def pooled(features: Any, pooling: Pooling) -> Any:
    """Pool a feature map to vectors, (n, k); vectors are returned unchanged.

    For a sequence, the output of transformers, "quarters" is the average over its positions.

    Raises:
        RecipeError: The features cannot be flattened or pooled.
    """
    axes = len(features.shape)
    if axes not in (2, 3, 4) or (axes == 2 and pooling == "flatten"):
        raise RecipeError(
            "The output of the base is no feature map that the head can pool.",
            expected="rows × columns × channels, or positions × channels",
            received=" × ".join(str(side) for side in features.shape[1:]),
            remedy="another model.cut, or model.pooling=average for a vector",
        )
    if axes == 2:
        return features
    if axes == 4 and None in features.shape[1:] and pooling in ("flatten", "quarters"):
        raise RecipeError(
            f"A feature map of variable size cannot be pooled by {pooling}.",
            expected="a base with a fixed input size",
            received=str(tuple(features.shape[1:])),
        )
    name = f"{HEAD}{pooling}"
    if axes == 3 and pooling != "flatten":
        is_max = pooling == "max"
        layer = layers.GlobalMaxPooling1D if is_max else layers.GlobalAveragePooling1D
        return layer(name=name)(features)
    match pooling:
        case "flatten":
            return layers.Flatten(name=name)(features)
        case "quarters":
            return layers.Flatten(name=name)(_quarters(features))
        case "max":
            return layers.GlobalMaxPooling2D(name=name)(features)
        case _:
            return layers.GlobalAveragePooling2D(name=name)(features)


def _quarters(features: Any) -> Any:
    """Average over the quarters of a map, (n, 2, 2, channels), which overlap for odd sides."""
    sides = features.shape[1:3]
    return layers.AveragePooling2D(
        pool_size=tuple(side - side // 2 for side in sides),
        strides=tuple(max(1, side // 2) for side in sides),
        name=f"{HEAD}four",
    )(features)
