"""EfficientNet-Lite0 as an ONNX graph, written without a deep-learning framework."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.bases.lite.plan import MEAN, NAME, SCALE, Convolution, layers_up_to
from viewfinder.bases.lite.weights import Weights

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_OPSET, _IR = 17, 8


def graph_of(
    weights: Weights, *, input_shape: tuple[int, int, int], cut: str | None, pooling: str
) -> "ModelProto":
    """Return the network from pixels to pooled features.

    Args:
        weights: The weights of all convolutions.
        input_shape: (height, width, 3) in pixels.
        cut: The layer at which the network ends; None for the last.
        pooling: "average", "max", "quarters" or "flatten"; see :class:`viewfinder.recipe.Head`.

    Returns:
        A graph with the input `pixels`, float32 (n, height, width, 3) from 0 to 255, and the
        outputs `rows`, (n, d), and `maps`, (n, rows, columns, channels).

    Raises:
        UsageError: There is no such layer.
    """
    from onnx import TensorProto, helper

    graph = _Graph()
    graph.add("Transpose", ["pixels"], "channels_first", perm=[0, 3, 1, 2])
    graph.add("Sub", ["channels_first", graph.constant("mean", MEAN)], "centered")
    graph.add("Mul", ["centered", graph.constant("scale", 1 / SCALE)], "scaled")
    limits = [graph.constant("zero", 0.0), graph.constant("six", 6.0)]
    last, (rows, columns), channels = "scaled", input_shape[:2], 3
    for layer in layers_up_to(cut):
        if not isinstance(layer, Convolution):
            graph.add("Add", [last, layer.shortcut], layer.name)
        else:
            kernel, bias = weights[layer.name]
            inputs = [last, graph.constant(f"{layer.name}_kernel", kernel)]
            inputs.append(graph.constant(f"{layer.name}_bias", bias))
            name = f"{layer.name}_linear" if layer.is_clipped else layer.name
            groups = layer.shape[0] if layer.is_depthwise else 1
            strides = [layer.stride] * 2
            graph.add("Conv", inputs, name, auto_pad="SAME_UPPER", strides=strides, group=groups)
            if layer.is_clipped:
                graph.add("Clip", [name, *limits], layer.name)
            rows, columns = -(-rows // layer.stride), -(-columns // layer.stride)
            channels = layer.shape[0]
        last = layer.name
    graph.add("Transpose", [last], "maps", perm=[0, 2, 3, 1])
    parts = graph.pool(last, pooling, rows, columns)
    taken = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", *input_shape])
    given = [
        helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", parts * channels]),
        helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["n", rows, columns, channels]),
    ]
    network = helper.make_graph(graph.nodes, NAME, [taken], given, graph.constants)
    opset = [helper.make_opsetid("", _OPSET)]
    return helper.make_model(network, opset_imports=opset, ir_version=_IR)


class _Graph:
    """The nodes and constants of a graph that grows."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[Any] = []

    def add(self, operation: str, inputs: list[str], output: str, **attributes: Any) -> None:
        """Add a node, named as its output."""
        from onnx import helper

        self.nodes.append(helper.make_node(operation, inputs, [output], name=output, **attributes))

    def constant(self, name: str, values: float | NDArray[np.float32]) -> str:
        """Add a constant, and return its name."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def pool(self, maps: str, pooling: str, rows: int, columns: int) -> int:
        """Add the output `rows`, and return the number of values of each channel."""
        if pooling in ("average", "max"):
            self.add(f"Global{pooling.capitalize()}Pool", [maps], "pooled")
            self.add("Flatten", ["pooled"], "rows")
            return 1
        positions, pooled = rows * columns, "maps"
        if pooling == "quarters":
            sides = rows, columns
            self.add(
                "AveragePool",
                [maps],
                "quarters",
                kernel_shape=[side - side // 2 for side in sides],
                strides=[max(1, side // 2) for side in sides],
            )
            self.add("Transpose", ["quarters"], "pooled", perm=[0, 2, 3, 1])
            positions, pooled = min(2, rows) * min(2, columns), "pooled"
        self.add("Flatten", [pooled], "rows")
        return positions
