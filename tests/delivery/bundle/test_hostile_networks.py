"""ONNX files of a few hundred bytes that would take gigabytes or for ever: refused at once."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import bundles_by_hand as made
from viewfinder.classifier import load
from viewfinder.core.errors import DataError
from viewfinder.runtime import onnx
from viewfinder.runtime.onnx import OnnxModel

GIGABYTES = 1 << 32
OPEN = """
import json, resource, sys, time
from viewfinder.classifier import load
from viewfinder.core.errors import DataError

def now():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime, used.ru_maxrss << 10

import onnxruntime
facts = json.loads(sys.argv[1])
for path in sys.argv[2:]:
    began, before = now()
    try:
        load(path, **facts)
        found = "opened"
    except DataError as error:
        found = str(error)
    ended, after = now()
    print(json.dumps([found, ended - began, after - before]))
"""


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


BOMBS: list[Callable[[Any], None]] = [
    large_constant,
    constants_that_double,
    expanded_input,
    tiled_input,
    outer_product,
]


@pytest.mark.parametrize("kind", ["bundle", "onnx"])
def test_a_network_that_would_fill_the_memory_is_refused(tmp_path: Path, kind: str) -> None:
    paths, facts = [], {}
    for change in BOMBS:
        path = tmp_path / f"{change.__name__}.{kind}"
        network = made.network(change=change)
        assert len(network) < 1 << 20
        if kind == "bundle":
            made.bundle(path, made.contents(**{"model.onnx": network}))
        else:
            path.write_bytes(network)
            facts = {"class_names": list(made.CLASSES), "preprocessing": "0-255"}
        paths.append(path)
    done = subprocess.run(
        [sys.executable, "-c", OPEN, json.dumps(facts), *map(str, paths)],
        capture_output=True,
        text=True,
        check=True,
    )
    for path, line in zip(paths, done.stdout.splitlines(), strict=True):
        found, seconds, memory = json.loads(line)
        assert "memory" in found, path.name
        assert seconds <= 1, path.name
        assert memory <= 256 << 20, path.name
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_a_network_without_an_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx, "_LONGEST_S", 0.2)
    path = made.bundle(
        tmp_path / "pets.bundle", made.contents(**{"model.onnx": made.network(change=endless)})
    )
    with pytest.raises(DataError, match="terminate"):
        load(path)


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
