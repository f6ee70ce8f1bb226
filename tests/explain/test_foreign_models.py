"""Models that others trained and saved, and the same maps on JAX as on TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from small_networks import SIDE, made, pictures

from shared_data import SHARED
from viewfinder.explain.attribution import Method, attribute
from viewfinder.explain.networks import CONVOLUTIONS, POOLINGS, Network

MODELS = SHARED / "keras_models"


def rock_paper_scissors() -> keras.Model:
    """The network of `rps.h5`."""
    blocks = [
        part
        for number in range(12, 16)
        for part in (
            layers.Conv2D(64, 3, activation="relu", name=f"conv2d_{number}"),
            layers.MaxPooling2D(),
        )
    ]
    dense = layers.Dense(32, "relu", name="dense_6"), layers.Dense(3, "softmax", name="dense_7")
    model = keras.Sequential([keras.Input((150, 150, 3)), *blocks, layers.Flatten(), *dense])
    return with_weights(model, MODELS / "rps.h5")


def teachable_machine() -> keras.Model:
    """The network of `tm_rps`: a MobileNetV2 in a Sequential in a Sequential."""
    base = keras.applications.MobileNetV2(
        (224, 224, 3), alpha=0.35, include_top=False, weights=None
    )
    body = keras.Sequential([base, layers.GlobalAveragePooling2D()], name="body")
    head = keras.Sequential(
        [
            layers.Dense(100, "relu", name="dense_Dense7"),
            layers.Dense(4, "softmax", use_bias=False, name="dense_Dense8"),
        ],
        name="head",
    )
    model = keras.Sequential([keras.Input((224, 224, 3)), body, head])
    return with_weights(model, MODELS / "tm_rps" / "keras_model.h5")


def with_weights(model: keras.Model, path: Path) -> keras.Model:
    """Fill in weights by their names: Keras 3 cannot load these files of Keras 2 whole."""
    saved = {}
    with h5py.File(path) as file:
        file["model_weights"].visititems(
            lambda name, item: (
                saved.update({"/".join(name.split("/")[-2:])[:-2]: item[()]})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    for layer in model._flatten_layers():
        for weight in layer._trainable_variables + layer._non_trainable_variables:
            kind = "depthwise_" if isinstance(layer, layers.DepthwiseConv2D) else ""
            weight.assign(saved[f"{layer.name}/{kind}{weight.name}"])
    return model


@pytest.mark.skipif(not MODELS.exists(), reason=f"there is no {MODELS}")
@pytest.mark.parametrize(
    ("build", "last", "maps"),
    [
        (rock_paper_scissors, "conv2d_15", 8),
        (teachable_machine, "body/mobilenetv2_0.35_224/out_relu", 52),
    ],
)
def test_models_of_others_have_maps_by_every_method(build, last, maps):
    model = build()
    image = np.random.default_rng(0).random(model.input_shape[1:]).astype(np.float32)
    network = Network(model, image)
    assert network.last_map.name == last
    assert sum(isinstance(step.layer, CONVOLUTIONS + POOLINGS) for step in network.maps) == maps
    for method in (Method.GRAD_CAM, Method.LAYER_CAM):
        (found,), _ = attribute(network, image[None], np.array([1]), method=method)
        assert found.shape == image.shape[:2]
        assert np.isfinite(found).all()
    probabilities = np.asarray(model(image[None]))
    exponents = np.exp(network.scores(image[None]))
    assert exponents / exponents.sum() == pytest.approx(probabilities, rel=1e-3)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_maps_on_jax_are_those_on_tensorflow(tmp_path):
    script = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from test_foreign_models import every_map; import keras, numpy as np\n"
        "assert keras.backend.backend() == 'jax'\n"
        "np.savez(sys.argv[1], **every_map())"
    )
    folder = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "maps.npz", folder, folder.parent],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    on_jax = np.load(tmp_path / "maps.npz")
    for name, expected in every_map().items():
        scale = float(np.abs(expected).max())
        assert on_jax[name] == pytest.approx(expected, rel=1e-3, abs=1e-3 * scale), name


def every_map() -> dict[str, np.ndarray]:
    found = {}
    for kind in ("functional", "binary", "nested", "subclassed"):
        network = Network(made(kind), pictures()[0])
        for method in Method:
            maps, _ = attribute(network, pictures(2), np.array([0, 1]), method=method)
            assert maps.shape == (2, SIDE, SIDE)
            found[f"{kind} {method}"] = maps
    return found
