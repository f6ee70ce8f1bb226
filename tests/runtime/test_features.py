"""The features before the head: the average of the last map, or the last layer's input."""

import numpy as np
import pytest

from viewfinder.models import Head, build_model, transfer
from viewfinder.recipe.named import recipe_named
from viewfinder.runtime.features import last_map, pooled_features

import keras  # isort: skip


def built(**model: object) -> keras.Model:
    settings = {f"model.{key}": one for key, one in model.items()}
    recipe = recipe_named("scratch").changed({**settings, "training.precision": "float32"})
    return build_model(recipe.resolved((32, 32), "rgb"), 3)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (lambda: built(kind="conv-stack", filters=[4, 6], dense=[8]), "pool_2"),
        (lambda: built(kind="compact"), None),
        (lambda: built(kind="residual"), None),
        (lambda: transfer(base(), classes=2, head=Head(pooling="flatten", dense=(5,))), "last"),
    ],
)
def test_they_are_the_average_of_the_last_map(model, name):
    network = model()
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    outputs = [last_map(network), pooled_features(network), *network.outputs]
    maps, pooled, shares = keras.Model(network.inputs, outputs).predict_on_batch(images)
    assert maps.ndim == 4
    np.testing.assert_allclose(pooled, maps.mean(axis=(1, 2)), atol=1e-5)
    np.testing.assert_allclose(shares, network.predict_on_batch(images), atol=1e-6)
    if name:
        by_name = keras.Model(network.inputs, network.get_layer(name).output)
        np.testing.assert_allclose(maps, by_name.predict_on_batch(images), atol=1e-5)


def base() -> keras.Model:
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(3, 3)(x)
    return keras.Model(inputs, keras.layers.Activation("relu", name="last")(x))


def test_without_maps_they_are_the_input_of_the_last_layer():
    network = built(kind="dense", dense=[7])
    assert last_map(network) is None
    assert pooled_features(network).shape == (None, 7)
