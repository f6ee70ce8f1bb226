"""Networks in 8 bits: as exact as the number of levels allows, smaller, and with all outputs."""

import numpy as np
import onnx
import onnxruntime
import pytest

from viewfinder.bases.lite.graph import graph_of
from viewfinder.bases.lite.weights import weights_of
from viewfinder.runtime.onnx import OnnxModel
from viewfinder.runtime.quantizing import quantized

SHAPE = (32, 32, 3)
PICTURES = np.random.default_rng(0).integers(0, 256, (8, *SHAPE), np.uint8)


@pytest.fixture(scope="module")
def both() -> tuple[onnx.ModelProto, onnx.ModelProto]:
    network = graph_of(weights_of(None, 0), input_shape=SHAPE, cut=None, pooling="average")
    onnx.helper.set_model_props(network, {"base": "a base"})
    return network, quantized(network, PICTURES)


def test_the_outputs_are_those_of_float32_within_a_few_levels(both):
    plain, small = (OnnxModel(one.SerializeToString()) for one in both)
    assert small.further == plain.further
    assert small.facts == plain.facts
    others = np.random.default_rng(1).integers(0, 256, (4, *SHAPE), np.uint8)
    expected, found = plain(others), small(others)
    assert 0 < np.abs(found - expected).max() < 0.25 * np.abs(expected).max()
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.95


def test_weights_are_by_channel_and_within_7_bits(both):
    plain, small = both
    assert small.ByteSize() < 0.3 * plain.ByteSize()
    stored = {one.name: onnx.numpy_helper.to_array(one) for one in small.graph.initializer}
    kernels = [name for name, values in stored.items() if values.ndim == 4]
    assert len(kernels) == 49  # every convolution
    for name in kernels:
        assert stored[name].dtype == np.int8
        assert np.abs(stored[name].astype(int)).max() <= 64
        scales = stored[name.replace("_quantized", "_scale")]
        assert scales.shape == stored[name].shape[:1]


def test_no_convolution_and_no_addition_runs_in_float32(both, tmp_path):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "as-run.onnx")
    onnxruntime.InferenceSession(both[1].SerializeToString(), options)
    run = [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node]
    assert (run.count("QLinearConv"), run.count("QLinearAdd")) == (49, 9)
    assert not {"Conv", "Add"} & set(run)
