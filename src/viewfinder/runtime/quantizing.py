"""Networks of ONNX in 8 bits: a quarter of the size, and faster on processors with VNNI."""

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import UsageError
from viewfinder.runtime.export import without_logs

# How many pictures the ranges of activations are measured on.
CALIBRATING = 64
# The key of the agreement among the facts of a network in 8 bits.
INT8 = "int8"
# What costs time. Pooling, scaling and softmax stay in float32, where they lose nothing.
_QUANTIZED = ["Conv", "Gemm", "MatMul", "Add", "Clip", "Relu", "MaxPool", "Concat"]


def quantized(network: Any, images: Iterable[NDArray[np.uint8]]) -> Any:
    """Return a network with weights of 8 bits by channel, and activations of 8 bits.

    Activations are unsigned: beside additions of signed ones, ONNX Runtime computes convolutions in
    float32. The weights use 7 of the bits: x86 processors without VNNI add products of 8 bits in
    16, which would overflow, and the same file would predict otherwise there.

    Args:
        network: An `onnx.ModelProto` in float32, with one input of pixels, of opset 13 or later.
        images: Prepared pictures (height, width, channels), uint8, from which the ranges of the
            activations are measured.

    Raises:
        UsageError: There are none.
    """
    import onnx
    from onnx import helper
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    taken = network.graph.input[0].name
    rows = [{taken: image[None].astype(np.float32)} for image in images]
    if not rows:
        raise UsageError(
            "None of the pictures to measure the ranges of int8 on can be read.",
            remedy="give others as `pictures`",
        )
    given = iter(rows)

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> Any:
            return next(given, None)

    with tempfile.TemporaryDirectory(prefix="viewfinder-") as folder, without_logs():
        names = ("whole", "ready", "int8")
        whole, ready, small = (Path(folder) / f"{name}.onnx" for name in names)
        onnx.save(network, whole)
        quant_pre_process(whole, ready, skip_symbolic_shape=True)
        quantization.quantize_static(
            ready,
            small,
            Reader(),
            op_types_to_quantize=_QUANTIZED,
            activation_type=quantization.QuantType.QUInt8,
            per_channel=True,
            reduce_range=True,
        )
        found = onnx.load(small)
    helper.set_model_props(found, {one.key: one.value for one in network.metadata_props})
    return found


class Agreement(NamedTuple):
    """How a network in 8 bits predicts beside the one in float32.

    Attributes:
        pictures: How many pictures were compared.
        same_label: How many of them have the same most probable class.
        difference: The largest difference of a probability.
    """

    pictures: int
    same_label: int
    difference: float

    @classmethod
    def of(cls, expected: NDArray[np.float64], found: NDArray[np.float64]) -> "Agreement":
        """Compare probabilities, (n, classes), in float32 and in 8 bits."""
        same = int((expected.argmax(axis=1) == found.argmax(axis=1)).sum())
        return cls(len(expected), same, float(np.abs(expected - found).max(initial=0.0)))

    @classmethod
    def stated(cls, facts: Mapping[str, str]) -> "Agreement | None":
        """Return what the facts of a network state; None for a network in float32."""
        return cls(**json.loads(facts[INT8])) if INT8 in facts else None

    def in_words(self) -> str:
        """Return the agreement as a sentence."""
        return (
            f"int8: the same label as in float32 on {self.same_label:,} of {self.pictures:,} "
            f"pictures; probabilities differ by up to {self.difference:.2g}."
        )

    def to_json(self) -> str:
        """Return the agreement as a fact of a network."""
        return json.dumps(self._asdict())
