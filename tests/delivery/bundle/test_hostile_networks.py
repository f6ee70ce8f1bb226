"""ONNX files of a few hundred bytes that would take gigabytes or for ever: refused at once."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import bundles_by_hand as made
from hostile import refusals
from viewfinder.core.errors import DataError
from viewfinder.runtime.onnx import OnnxModel

GIGABYTES = 1 << 32


def constant(graph: Any, name: str, value: Any) -> str:
    graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return name


def add_to_shares(graph: Any, name: str) -> None:
    graph.node.append(helper.make_node("Add", ["network", name], ["shares"]))
    graph.node[-2].output[0] = "network"


def large_constant(model: Any) -> None:
    """What depends on no input is computed when the file is opened."""
    graph = model.graph
    size = constant(graph, "size", np.int64([GIGABYTES // 4]))
    graph.node.insert(0, helper.make_node("ConstantOfShape", [size], ["zeros"]))
    graph.node.insert(1, helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0))
    add_to_shares(graph, "sum")


def constants_that_double(model: Any) -> None:
    """Each is twice the one before, and none alone is beyond all limits."""
    graph = model.graph
    constant(graph, "c0", np.zeros(1 << 10, np.float32))
    for number in range(20):
        parts, output = [f"c{number}"] * 2, [f"c{number + 1}"]
        graph.node.insert(number, helper.make_node("Concat", parts, output, axis=0))
    graph.node.insert(20, helper.make_node("ReduceSum", ["c20"], ["sum"], keepdims=0))
    add_to_shares(graph, "sum")


def expanded_input(model: Any) -> None:
    graph = model.graph
    shape = constant(graph, "shape", np.int64([GIGABYTES // 64, 1, 16]))
    graph.node.insert(1, helper.make_node("Expand", ["row", shape], ["large"]))
    graph.node.insert(2, helper.make_node("ReduceMax", ["large"], ["row2"], axes=[0], keepdims=0))
    graph.node[3].input[0] = "row2"


def tiled_input(model: Any) -> None:
    graph = model.graph
    repeats = constant(graph, "repeats", np.int64([1, GIGABYTES // 64]))
    graph.node.insert(1, helper.make_node("Tile", ["row", repeats], ["large"]))
    graph.node.insert(2, helper.make_node("ReduceSum", ["large"], ["sum"], keepdims=0))
    add_to_shares(graph, "sum")


def outer_product(model: Any) -> None:
    """Broadcasting: a column and a row of 256 KB make a table of 17 GB."""
    graph = model.graph
    column = constant(graph, "column", np.zeros((1 << 16, 1), np.float32))
    line = constant(graph, "line", np.zeros((1, 1 << 16), np.float32))
    graph.node.insert(0, helper.make_node("ReduceSum", ["pixels"], ["level"], keepdims=0))
    graph.node.insert(1, helper.make_node("Mul", [column, "level"], ["bright"]))
    graph.node.insert(2, helper.make_node("Add", ["bright", line], ["table"]))
    graph.node.insert(3, helper.make_node("ReduceSum", ["table"], ["sum"], keepdims=0))
    add_to_shares(graph, "sum")


def endless(model: Any) -> None:
    graph, number = model.graph, TensorProto.FLOAT
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Add", ["x", "x"], ["twice"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("index", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", number, []),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("twice", number, []),
        ],
    )
    inputs = [
        constant(graph, "trips", np.int64(1 << 50)),
        constant(graph, "yes", np.bool_(True)),
        constant(graph, "zero", np.float32(0)),
    ]
    graph.node.insert(0, helper.make_node("Loop", inputs, ["total"], body=body))
    add_to_shares(graph, "total")


def functions_that_double(model: Any) -> None:
    """Each calls the one before twice, the 24th in the graph of an If."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("twice", 1)]
    for number in range(24):
        called, domain = (f"f{number - 1}", "twice") if number else ("Identity", "")
        nodes = [
            helper.make_node(called, ["x"], ["between"], domain=domain),
            helper.make_node(called, ["between"], ["y"], domain=domain),
        ]
        model.functions.append(
            helper.make_function("twice", f"f{number}", ["x"], ["y"], nodes, opsets)
        )
    model.opset_import.append(opsets[1])
    graph = model.graph
    branch = helper.make_graph(
        [helper.make_node("f23", ["network"], ["branch"], domain="twice")],
        "branch",
        [],
        [helper.make_tensor_value_info("branch", TensorProto.FLOAT, None)],
    )
    yes = constant(graph, "yes", np.bool_(True))
    graph.node.append(
        helper.make_node("If", [yes], ["shares"], then_branch=branch, else_branch=branch)
    )
    graph.node[-2].output[0] = "network"


# And what the message names.
BOMBS: dict[Callable[[Any], None], str] = {
    large_constant: "memory",
    constants_that_double: "memory",
    expanded_input: "memory",
    tiled_input: "memory",
    outer_product: "memory",
    functions_that_double: "more than 20,000 operations",
    endless: "terminate",
}


def test_networks_that_would_take_gigabytes_or_for_ever_are_refused(tmp_path: Path) -> None:
    facts = {"class_names": list(made.CLASSES), "preprocessing": "0-255"}
    files: list[tuple[Path, dict[str, Any]]] = []
    for change in BOMBS:
        network = made.network(change=change)
        assert len(network) < 1 << 20
        path = tmp_path / change.__name__
        made.bundle(path.with_suffix(".bundle"), made.contents(**{"model.onnx": network}))
        path.with_suffix(".onnx").write_bytes(network)
        files += [(path.with_suffix(".bundle"), {}), (path.with_suffix(".onnx"), facts)]
    for (path, _), refusal in zip(files, refusals(files), strict=True):
        assert next(why for change, why in BOMBS.items() if change.__name__ == path.stem) in (
            refusal.text
        )
        refusal.require_at_once()
    assert {one.name for one in tmp_path.iterdir()} == {path.name for path, _ in files}


def test_a_loop_whose_end_depends_on_the_picture_is_ended() -> None:
    """It has none on a bright picture; one that is black proves nothing."""

    def as_bright(model: Any) -> None:
        endless(model)
        graph = model.graph
        graph.node.insert(0, helper.make_node("ReduceSum", ["pixels"], ["light"], keepdims=0))
        graph.node.insert(1, helper.make_node("Mul", ["light", "much"], ["more"]))
        graph.node.insert(2, helper.make_node("Cast", ["more"], ["times"], to=TensorProto.INT64))
        constant(graph, "much", np.float32(1e15))
        graph.node[3].input[0] = "times"

    network = OnnxModel(made.network(change=as_bright), is_proved=False)
    network.prove((4, 4, 1))
    assert network(np.zeros((2, 4, 4, 1), np.uint8)).shape == (2, 3)
    with pytest.raises(DataError, match="terminate"):
        network(np.ones((1, 4, 4, 1), np.uint8))


def test_a_long_chain_of_operations_is_opened_at_once() -> None:
    """Planning the memory of 4,000 took 12 CPU seconds, those of 10,000 all that are allowed."""

    def chain(model: Any) -> None:
        graph = model.graph
        for number in range(4_000):
            names = [f"link{number}"], [f"link{number + 1}"]
            graph.node.append(helper.make_node("Relu", *names))
        graph.node[-4_001].output[0] = "link0"
        graph.node[-1].output[0] = "shares"

    began = time.process_time()
    network = OnnxModel(made.network(change=chain), is_proved=False)
    network.prove((4, 4, 1))
    assert time.process_time() - began < 4
    images = np.arange(32, dtype=np.uint8).reshape(2, 4, 4, 1)
    assert np.array_equal(network(images), OnnxModel(made.network())(images))


def test_what_a_batch_takes_is_limited_too() -> None:
    """It grows with the eighth power of the pictures: one picture proves nothing."""

    def power(model: Any) -> None:
        graph = model.graph
        graph.node.insert(0, helper.make_node("Shape", ["pixels"], ["sides"]))
        first = constant(graph, "first", np.int64([0]))
        graph.node.insert(1, helper.make_node("Gather", ["sides", first], ["count"]))
        eight = constant(graph, "eight", np.int64([8]))
        graph.node.insert(2, helper.make_node("Pow", ["count", eight], ["size"]))
        graph.node.insert(3, helper.make_node("ConstantOfShape", ["size"], ["zeros"]))
        graph.node.insert(4, helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0))
        add_to_shares(graph, "sum")

    network = OnnxModel(made.network(change=power), is_proved=False)
    network.prove((4, 4, 1))
    assert network(np.zeros((2, 4, 4, 1), np.uint8)).shape == (2, 3)
    with pytest.raises(DataError, match="cannot be run"):
        network(np.zeros((32, 4, 4, 1), np.uint8))
    assert network(np.zeros((2, 4, 4, 1), np.uint8)).shape == (2, 3)
