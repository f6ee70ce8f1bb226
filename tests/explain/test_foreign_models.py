"""Models that others trained and saved, and the same maps on JAX as on TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_networks import SIDE, made, pictures

import viewfinder as vf
from shared_data import SHARED
from viewfinder.explain.attribution import Method, attribute
from viewfinder.explain.networks import Network
from viewfinder.pictures.prepare import prepare

MODELS = SHARED / "keras_models"


# By the file: how it is opened, and the last map before its head.
OPENED: dict[str, dict[str, str]] = {
    "rps.h5": {"class_names": "paper,rock,scissors", "preprocessing": "0-1"},
    "tm_rps": {},
    "mnist_model.keras": {"class_names": "0,1,2,3,4,5,6,7,8,9", "preprocessing": "0-1"},
}
LAST = {"rps.h5": "conv2d_15", "tm_rps": "out_relu"}


OF_PIXELS = [Method.INTEGRATED_GRADIENTS, Method.OCCLUSION]
OF_A_LAYER = [method for method in Method if method not in OF_PIXELS]


@pytest.mark.parametrize(
    "methods",
    [
        pytest.param(OF_A_LAYER, id="layer"),
        pytest.param(OF_PIXELS, id="pixels", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("name", OPENED)
def test_models_of_others_have_maps_by_every_method(name, methods):
    if not (MODELS / name).exists():
        pytest.skip(f"there is no {MODELS / name}")
    network, images = traced(name)
    scores = network.scores(images)
    expected = np.asarray(network.model(images))
    assert np.exp(scores) / np.exp(scores).sum() == pytest.approx(expected, rel=1e-3)
    for method in methods:
        if method in OF_A_LAYER and name not in LAST:
            with pytest.raises(vf.ViewfinderError, match="no convolution"):
                attribute(network, images, np.array([1]), method=method)
            continue
        (found,), layer = attribute(network, images, np.array([1]), method=method)
        assert found.shape == images.shape[1:3]
        assert np.isfinite(found).all()
        assert found.any() or method in OF_A_LAYER  # of a layer, only what is positive
        assert layer is None or layer.endswith(LAST[name])


def traced(name: str) -> tuple[Network, np.ndarray]:
    """The model, and one picture of smooth noise in the form that it takes."""
    classifier = vf.load(MODELS / name, **OPENED[name])
    form = classifier.preprocessing
    coarse = np.random.default_rng(0).integers(0, 256, (7, 7, 3)).astype(np.uint8)
    image = prepare(np.kron(coarse, np.ones((32, 32, 1), np.uint8)), form).pixels
    return Network(classifier.model, image), image[None].astype(np.float32)


@pytest.mark.slow
@pytest.mark.timeout(600)
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
        scale = float(np.abs(expected).max()) * 1e-3
        assert on_jax[name] == pytest.approx(expected, rel=1e-3, abs=scale), name


def every_map() -> dict[str, np.ndarray]:
    """The maps of small networks by every method, and one of a model that others saved.

    Gradients of thousands of pixels of such a model differ between backends where sums in another
    order turn a ReLU; the map of its last layer does not.
    """
    found = {}
    for kind in ("functional", "binary", "nested", "subclassed"):
        network = Network(made(kind), pictures()[0])
        for method in Method:
            maps, _ = attribute(network, pictures(2), np.array([0, 1]), method=method)
            assert maps.shape == (2, SIDE, SIDE)
            found[f"{kind} {method}"] = maps
    if (MODELS / "rps.h5").exists():
        network, images = traced("rps.h5")
        found["rps.h5"], _ = attribute(network, images, np.array([1]), method=Method.GRAD_CAM)
    return found
