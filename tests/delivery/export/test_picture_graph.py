"""The preprocessing inside a network is that of `prepare`, up to the rounding of its steps."""

from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
from onnx import helper

from viewfinder.delivery.export.onnx_graph import preparing
from viewfinder.delivery.export.picture_graph import prepared
from viewfinder.pictures.prepare import prepare
from viewfinder.pictures.preprocessing import Preprocessing

LIKE = SimpleNamespace(opset_import=[helper.make_opsetid("", 15)], ir_version=8)
# Equal, larger by less than two, by more, smaller, and each of them along one side only.
SIZES = [(30, 45), (59, 89), (31, 200), (200, 301), (9, 14), (500, 20), (1, 1), (46, 45), (30, 7)]


@pytest.mark.parametrize("color", ["rgb", "gray"])
@pytest.mark.parametrize("policy", ["stretch", "crop", "pad"])
def test_it_prepares_as_opencv_does(policy, color):
    facts = Preprocessing(height=30, width=45, color=color, resize=policy, background=(10, 200, 30))
    network = preparing(facts, LIKE).SerializeToString()
    in_onnx = onnxruntime.InferenceSession(network)
    random = np.random.default_rng(0)
    for height, width in SIZES:
        picture = random.integers(0, 256, (height, width, 3), np.uint8)
        expected = prepare(picture, facts).pixels.astype(float)
        sides = np.float32(height), np.float32(width)
        in_numpy = prepared(np, picture.astype(np.float32), *sides, facts)
        (found,) = in_onnx.run(None, {"picture": picture})
        for pixels in (in_numpy, found[0]):
            assert pixels.shape == facts.shape
            assert np.abs(pixels - expected).max() <= 1, (height, width)
            assert np.array_equal(pixels, np.round(pixels))
        if (height, width) == facts.shape[:2]:
            np.testing.assert_array_equal(found[0], expected)
