"""Muon's steps, against singular values by NumPy and Adam's by Keras."""

import keras
import numpy as np
import pytest

from viewfinder.models import build_model
from viewfinder.recipe import Recipe
from viewfinder.training import compile_model
from viewfinder.training.muon import Muon

RATE = 0.01


def step_of(shape: tuple[int, ...], name: str = "kernel") -> tuple[np.ndarray, np.ndarray]:
    """Return a gradient of this shape, and the first step from it."""
    rng = np.random.default_rng(3)
    variable = keras.Variable(rng.normal(size=shape).astype(np.float32), name=name)
    before = np.array(keras.ops.convert_to_numpy(variable))
    gradient = rng.normal(size=shape).astype(np.float32)
    optimizer = Muon(RATE, weight_decay=None, adam_weight_decay=None)
    optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    return gradient, keras.ops.convert_to_numpy(variable) - before


@pytest.mark.parametrize("shape", [(3, 3, 4, 8), (1, 1, 5, 12), (3, 3, 1, 16), (6, 9)])
def test_a_kernels_step_goes_in_all_directions_alike(shape):
    gradient, step = step_of(shape)
    rows, columns = int(np.prod(shape[:-1])), shape[-1]
    left, sizes, right = np.linalg.svd(gradient.reshape(rows, columns), full_matrices=False)
    # In the gradient's singular directions: nearly equal lengths, and zeros elsewhere.
    turned = (
        -left.T @ step.reshape(rows, columns) @ right.T / (RATE * 0.2 * max(rows, columns) ** 0.5)
    )
    assert sizes.max() > 1.5 * sizes.min()
    assert np.all((np.diag(turned) > 0.65) & (np.diag(turned) < 1.25))
    np.testing.assert_allclose(turned - np.diag(np.diag(turned)), 0, atol=1e-3)


@pytest.mark.parametrize(("shape", "name"), [((3, 3, 8, 1), "depthwise_kernel"), ((7,), "bias")])
def test_weights_that_mix_no_channels_step_as_with_adam(shape, name):
    gradient, step = step_of(shape, name)
    np.testing.assert_allclose(step, -RATE * np.sign(gradient), rtol=1e-3)  # Adam's first step


def test_only_norms_biases_and_the_last_layer_use_adam():
    recipe = Recipe().changed(
        {
            "input.size": (8, 8),
            "input.color": "rgb",
            "model.kind": "compact",
            "training.optimizer.learning_rate": RATE,
            "training.optimizer.weight_decay": 0.1,
        }
    )
    rng = np.random.default_rng(2)
    images, labels = rng.integers(0, 256, (8, 8, 8, 3), dtype=np.uint8), rng.integers(0, 3, 8)
    stepped = {}
    for optimizer in ("adamw", "muon"):
        wanted = recipe.changed({"training.optimizer": optimizer})
        model = build_model(wanted, 3)
        compile_model(model, wanted, steps=10)
        model.run_eagerly = True
        model.train_on_batch(images, labels)
        stepped[optimizer] = {one.path: np.asarray(one) for one in model.trainable_weights}
    equal = {
        path
        for path, value in stepped["adamw"].items()
        if np.allclose(value, stepped["muon"][path], atol=1e-6)
    }
    others = set(stepped["muon"]) - equal
    assert others == {path for path in stepped["muon"] if path.endswith("_conv/kernel")}
    assert {"probability/kernel", "stem_norm/gamma"} <= equal


def test_the_iteration_is_keras_own_for_any_gradient_even_of_few_directions():
    rng = np.random.default_rng(4)
    few = rng.normal(size=(36, 2)) @ rng.normal(size=(2, 16))
    for gradient in (rng.normal(size=(36, 16)), few, few * 1e-6, np.zeros((36, 16))):
        matrix = keras.ops.convert_to_tensor(gradient.astype(np.float32))
        expected = keras.optimizers.Muon().zeropower_via_newtonschulz5(matrix, 5)
        kernel = keras.ops.reshape(matrix, (3, 3, 4, 16))
        actual = Muon().zeropower_via_newtonschulz5(kernel, 5)
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(actual).reshape(36, 16),
            keras.ops.convert_to_numpy(expected),
            atol=1e-3,
        )
