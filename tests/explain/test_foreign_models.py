"""Models that others trained and saved, and the same maps on JAX as on TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from small_networks import KINDS, SIDE, made, pictures

from shared_data import SHARED
from viewfinder.explain.attribution import Method, attribute
from viewfinder.explain.networks import Network

MODELS = SHARED / "keras_models"


class OldDepthwise(keras.layers.DepthwiseConv2D):
    """As Keras 2 wrote it, with an argument that Keras 3 does not know."""

    def __init__(self, *args: object, groups: int = 1, **named: object) -> None:
        del groups
        super().__init__(*args, **named)


class OldGlorot(keras.initializers.GlorotUniform):
    def __init__(self, seed: int | None = None, dtype: str = "float32") -> None:
        del dtype
        super().__init__(seed)


class OldZeros(keras.initializers.Zeros):
    def __init__(self, dtype: str = "float32") -> None:
        del dtype
        super().__init__()


OLD = {"DepthwiseConv2D": OldDepthwise, "GlorotUniform": OldGlorot, "Zeros": OldZeros}


@pytest.mark.skipif(not MODELS.exists(), reason=f"there is no {MODELS}")
@pytest.mark.parametrize(
    ("name", "last", "side"),
    [("rps.h5", "conv2d", 150), ("tm_rps/keras_model.h5", "out_relu", 224)],
)
def test_models_of_others_have_maps_by_every_method(name, last, side):
    model = keras.saving.load_model(MODELS / name, custom_objects=OLD, compile=False)
    image = np.random.default_rng(0).random((side, side, 3)).astype(np.float32)
    network = Network(model, image)
    assert last in network.last_map.name
    assert len(network.maps) >= 7
    for method in (Method.GRAD_CAM, Method.LAYER_CAM, Method.INTEGRATED_GRADIENTS):
        (found,), _ = attribute(network, image[None], np.array([1]), method=method)
        assert found.shape == (side, side)
        assert np.isfinite(found).all()
    assert network.scores(image[None]).shape == (1, 3)


@pytest.mark.slow
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
        scale = np.abs(expected).max()
        assert on_jax[name] == pytest.approx(expected, rel=1e-3, abs=1e-3 * scale), name


def every_map() -> dict[str, np.ndarray]:
    found = {}
    for kind in KINDS:
        network = Network(made(kind), pictures()[0])
        for method in Method:
            maps, _ = attribute(network, pictures(2), np.array([0, 1]), method=method)
            assert maps.shape == (2, SIDE, SIDE)
            found[f"{kind} {method}"] = maps
    return found
