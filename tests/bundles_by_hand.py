"""Bundles written by hand, with a network of a few weights: nothing here trains."""

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

CLASSES = ("cats", "dogs", "mice")
SIDE = 4


def network(classes: int = len(CLASSES), change: Callable[[Any], None] | None = None) -> bytes:
    """An ONNX file: the softmax of a linear layer on gray pictures of 4 × 4 pixels."""
    weights = np.random.default_rng(1).normal(size=(SIDE * SIDE, classes)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["pixels"], ["row"]),
            helper.make_node("MatMul", ["row", "weights"], ["logits"]),
            helper.make_node("Mul", ["logits", "scale"], ["scaled"]),
            helper.make_node("Softmax", ["scaled"], ["shares"]),
        ],
        "network",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [None, SIDE, SIDE, 1])],
        [helper.make_tensor_value_info("shares", TensorProto.FLOAT, [None, classes])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.float32([0.003]), "scale"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if change:
        change(model)
    return model.SerializeToString()


def external(tensor: Any, location: str = "/etc/hostname") -> None:
    """Say that a tensor's values are in another file."""
    onnx.external_data_helper.set_external_data(tensor, location)
    tensor.ClearField("raw_data")


def picture() -> bytes:
    stream = BytesIO()
    pixels = np.random.default_rng(2).integers(0, 256, (9, 9), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def contents(**changes: Any) -> dict[str, bytes]:
    """The members of a bundle but the manifest; changes by name, with `_` for `.` and `/`."""
    facts = {"height": SIDE, "width": SIDE, "color": "gray"}
    members = {
        "labels.json": {"schema": 1, "classes": list(CLASSES), "preprocessing": facts},
        "model.onnx": network(),
        "settings.json": {"schema": 1, "temperature": 1.5, "thresholds": [], "pictures": 9},
        "golden.json": {"schema": 1, "pictures": []},
        "card.md": b"# Pets\n",
    } | changes
    return {
        name: content if isinstance(content, bytes) else json.dumps(content).encode()
        for name, content in members.items()
    }


def manifest(members: Mapping[str, bytes], /, **changes: Any) -> bytes:
    """The manifest of these members, with some keys changed."""
    listed = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in members.items()
    }
    return json.dumps(
        {"schema": 1, "version": "0.2.0", "data": "0", "members": listed} | changes
    ).encode()


def write(path: Path, members: Mapping[str | zipfile.ZipInfo, bytes]) -> Path:
    """A zip archive without compression."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def bundle(path: Path, members: Mapping[str, bytes] | None = None) -> Path:
    """A bundle that can be opened, if its members can."""
    members = contents() if members is None else members
    return write(path, {"viewfinder.json": manifest(members), **members})
