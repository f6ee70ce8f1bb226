"""Planted dead units and activations that are not finite are detected."""

import keras
import numpy as np
import pytest

from viewfinder.models import build_model
from viewfinder.recipe import Recipe
from viewfinder.run.health import unit_health

IMAGES = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 1), dtype=np.uint8)


@pytest.fixture
def model() -> keras.Model:
    recipe = Recipe().changed(
        {
            "input": {"size": [8, 8], "color": "gray"},
            "model": {"kind": "conv-stack", "filters": [4], "dense": [8]},
        }
    )
    return build_model(recipe, 2)


def change_bias(model, layer, positions, value):
    kernel, bias = model.get_layer(layer).get_weights()
    bias[positions] = value
    model.get_layer(layer).set_weights([kernel, bias])


def health(model):
    return {one.layer: one for one in unit_health(model, IMAGES)}


def test_planted_dead_units_are_counted(model):
    change_bias(model, "conv_1", [0, 2, 3], -1e6)
    change_bias(model, "dense_1", slice(0, 5), -1e6)
    found = health(model)
    assert (found["conv_1"].units, found["conv_1"].dead) == (4, 3)
    assert found["dense_1"].units == 8
    assert found["dense_1"].dead >= 5
    assert found["conv_1"].relu
    assert not found["probability"].relu, "a sigmoid is never silent"
    assert found["probability"].dead == 0


def test_the_figures_are_those_of_the_layers_themselves(model):
    inner = keras.Model(model.inputs, model.get_layer("conv_1").output)
    values = np.asarray(inner.predict(IMAGES, verbose=0))
    found = health(model)["conv_1"]
    assert found.largest == pytest.approx(values.max(), rel=1e-5)
    assert found.dead == (values.max(axis=(0, 1, 2)) == 0).sum()


def test_frozen_layers_are_skipped(model):
    model.get_layer("conv_1").trainable = False
    assert set(health(model)) == {"dense_1", "probability"}


def test_activations_that_are_not_finite(model):
    change_bias(model, "conv_1", [1], np.nan)
    assert health(model)["conv_1"].largest is None
    change_bias(model, "conv_1", [1], 1e9)
    assert health(model)["conv_1"].largest == pytest.approx(1e9, rel=1e-3)


def test_relu_layers_of_their_own_and_models_without_any():
    inputs = keras.Input((8, 8, 1))
    outputs = keras.layers.ReLU(name="cut")(keras.layers.Conv2D(3, 3, name="conv")(inputs))
    outputs = keras.layers.LeakyReLU(name="leaky")(outputs)
    found = unit_health(keras.Model(inputs, outputs), IMAGES)
    assert [(one.layer, one.relu) for one in found] == [("conv", False), ("cut", True)]
    assert unit_health(keras.Model(inputs, keras.layers.Flatten()(inputs)), IMAGES) == []
