"""ONNX networks as they leave a run: from pixels, or decoded pictures, to probabilities."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from viewfinder.classifier.adapting import OnnxNetwork
from viewfinder.delivery.export.picture_graph import prepared
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.pictures.scaling import Scaling

# Quantization by channel needs 13.
_LEAST_OPSET, _OPSET = 13, 17


class Nodes:
    """Functions of NumPy that add nodes to an ONNX graph and return its values.

    Args:
        name: A name for the graph, with which the names of its values begin.
    """

    def __init__(self, name: str) -> None:
        self._graph, self._nodes, self._constants = name, list[Any](), list[Any]()

    def op(self, kind: str, *inputs: Any, name: str | None = None, **attributes: Any) -> "Value":
        """Add an operation of ONNX; arrays and numbers among its inputs become constants."""
        from onnx import helper

        names = [self._name(one) for one in inputs]
        output = name or f"viewfinder_{self._graph}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, names, [output], **attributes))
        return Value(self, output)

    def _name(self, given: Any) -> str:
        from onnx import numpy_helper

        if isinstance(given, Value):
            return given.name
        name = f"viewfinder_{self._graph}_constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(given), name))
        return name

    def arange(self, stop: "Value", dtype: str) -> "Value":
        """Return 0, 1 … below `stop`, of the type of `stop`."""
        return self.op("Range", np.array(0, dtype), stop, np.array(1, dtype))

    def reshape(self, value: "Value", shape: Sequence[int]) -> "Value":
        """Return a value in another shape."""
        return self.op("Reshape", value, np.array(shape, np.int64))

    def transpose(self, value: "Value", axes: Sequence[int]) -> "Value":
        """Return a value with its axes in another order."""
        return self.op("Transpose", value, perm=list(axes))

    def model(self, taken: Any, given: Any, like: Any) -> Any:
        """Return the nodes as a network.

        Args:
            taken: Name, type and shape of its input.
            given: Name, type and shape of its output.
            like: A network with the same versions of ONNX.
        """
        from onnx import helper

        graph = helper.make_graph(
            self._nodes,
            self._graph,
            [helper.make_tensor_value_info(*taken)],
            [helper.make_tensor_value_info(*given)],
            self._constants,
        )
        opsets = [helper.make_opsetid(one.domain, one.version) for one in like.opset_import]
        return helper.make_model(graph, opset_imports=opsets, ir_version=like.ir_version)

    def __getattr__(self, name: str) -> Any:
        """Return a function whose operation has its name in ONNX."""
        kind = {"minimum": "Min", "maximum": "Max", "matmul": "MatMul"}.get(name, name.title())
        return lambda *values: self.op(kind, *values)


class Value:
    """A value of an ONNX graph, for arithmetic."""

    __array_ufunc__ = None  # arrays leave the operation to this class

    def __init__(self, nodes: Nodes, name: str) -> None:
        self._nodes, self.name = nodes, name

    def __add__(self, other: Any) -> "Value":
        return self._nodes.op("Add", self, other)

    def __sub__(self, other: Any) -> "Value":
        return self._nodes.op("Sub", self, other)

    def __rsub__(self, other: Any) -> "Value":
        return self._nodes.op("Sub", other, self)

    def __mul__(self, other: Any) -> "Value":
        return self._nodes.op("Mul", self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Value":
        return self._nodes.op("Div", self, other)

    def __rtruediv__(self, other: Any) -> "Value":
        return self._nodes.op("Div", other, self)

    def __le__(self, other: Any) -> "Value":
        return self._nodes.op("LessOrEqual", self, other)


def one_output(network: Any) -> Any:
    """Return a network without its outputs after the first, and what computes only them."""
    from onnx import helper
    from onnx.utils import Extractor

    graph = network.graph
    weights = {one.name for one in graph.initializer}
    inputs = [one.name for one in graph.input if one.name not in weights]
    found = Extractor(network).extract_model(inputs, [graph.output[0].name])
    helper.set_model_props(found, {one.key: one.value for one in network.metadata_props})
    return found


def on_pixels(network: Any, opened: OnnxNetwork, facts: Preprocessing) -> Any:
    """Return a network of others from pixels of 0 to 255 to probabilities.

    Args:
        network: The network.
        opened: The same, with what is known of its input and outputs.
        facts: Its preprocessing.
    """
    from onnx import TensorProto, compose, helper

    kind, batch = helper.np_dtype_to_tensor_dtype(np.dtype(opened.dtype)), opened.batch or "n"
    network = compose.add_prefix(one_output(network), "model/")  # it may have our names
    inner = network.graph
    weights = {one.name for one in inner.initializer}
    (taken,), given = [one for one in inner.input if one.name not in weights], inner.output[0]
    before, scaling = Nodes("before"), opened.scaling
    pixels = Value(before, "pixels")
    if scaling != Scaling():
        pixels = pixels * np.array(scaling.scale, np.float32)
        pixels = pixels + np.array(scaling.offset, np.float32)
    if scaling.is_bgr:
        pixels = before.op("Gather", pixels, np.array([2, 1, 0]), axis=3)
    if opened.channels_first:
        pixels = before.transpose(pixels, (0, 3, 1, 2))
    elif len(opened.input_shape) != 3:
        pixels = before.reshape(pixels, (-1, *(side or -1 for side in opened.input_shape)))
    before.op("Cast", pixels, name="scaled", to=kind)
    shape = [one.dim_value or one.dim_param for one in taken.type.tensor_type.shape.dim]
    first = before.model(
        ("pixels", TensorProto.FLOAT, [batch, *facts.shape]), ("scaled", kind, shape), network
    )
    whole = _merged(first, network, "scaled", taken.name)
    after = Nodes("after")
    outputs = after.op("Cast", Value(after, "outputs"), to=TensorProto.FLOAT)
    if opened.activation == "linear":
        is_one = opened.outputs == 1
        outputs = after.op("Sigmoid", outputs) if is_one else after.op("Softmax", outputs, axis=1)
    after.op("Identity", outputs, name="probability")
    length = opened.outputs
    last = after.model(
        ("outputs", given.type.tensor_type.elem_type, [batch, length]),
        ("probability", TensorProto.FLOAT, [batch, length]),
        network,
    )
    return _merged(whole, last, given.name, "outputs")


def _merged(first: Any, second: Any, output: str, taken: str) -> Any:
    """Return two networks as one; `output` of the first becomes the input `taken` of the second."""
    from onnx import compose

    whole = compose.merge_models(first, second, io_map=[(output, taken)])
    del whole.opset_import[:]  # those of both, one after the other
    whole.opset_import.extend(second.opset_import)
    return whole


def modern(network: Any) -> Any:
    """Return a network in a version of ONNX that quantization and `on_pictures` know."""
    from onnx import version_converter

    versions = {one.domain: one.version for one in network.opset_import}
    if versions.get("", 0) >= _LEAST_OPSET:
        return network
    return version_converter.convert_version(network, _OPSET)


def preparing(facts: Preprocessing, network: Any) -> Any:
    """Return the network from `picture` (uint8, height × width × 3) to a model's input.

    Args:
        facts: The preprocessing.
        network: The network that it is put before; it has the same versions.
    """
    from onnx import TensorProto

    nodes = Nodes("picture")
    picture = Value(nodes, "picture")
    sides = nodes.op("Cast", nodes.op("Shape", picture), to=TensorProto.FLOAT)
    height, width = (nodes.op("Gather", sides, np.array(axis)) for axis in (0, 1))
    pixels = nodes.op("Cast", picture, to=TensorProto.FLOAT)
    found = prepared(nodes, pixels, height, width, facts)
    nodes.op("Reshape", found, np.array([1, *facts.shape]), name="prepared")
    return nodes.model(
        ("picture", TensorProto.UINT8, ["height", "width", 3]),
        ("prepared", TensorProto.FLOAT, [1, *facts.shape]),
        network,
    )


def on_pictures(network: Any, facts: Preprocessing) -> Any:
    """Return a network that takes one decoded picture: uint8, height × width × 3, of any size."""
    return _merged(preparing(facts, network), network, "prepared", network.graph.input[0].name)
