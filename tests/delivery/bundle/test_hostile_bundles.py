"""Bundles from a stranger: each is refused with its reason, at once, and nothing is written."""

import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator

import bundles_by_hand as made
from hostile import refusals
from viewfinder.classifier import load
from viewfinder.core.errors import RunError, ViewfinderError
from viewfinder.delivery.bundle.verify import verify
from viewfinder.runtime.onnx_file import require_self_contained

Write = Callable[[Path], Any]


def with_member(name: str | zipfile.ZipInfo, content: bytes = b"x", **info: Any) -> Write:
    """A bundle with one more member, which its manifest lists."""

    def write(path: Path) -> None:
        spelled = name if isinstance(name, str) else name.filename
        members = made.contents()
        listed = made.manifest(members | {spelled: content})
        member = zipfile.ZipInfo(spelled)
        for key, value in info.items():
            setattr(member, key, value)
        made.write(path, {"viewfinder.json": listed, **members, member: content})

    return write


def with_manifest(content: bytes) -> Write:
    return lambda path: made.write(path, {"viewfinder.json": content, **made.contents()})


def with_stated(**changes: Any) -> Write:
    return with_manifest(made.manifest(made.contents(), **changes))


def with_contents(**changes: Any) -> Write:
    return lambda path: made.bundle(path, made.contents(**changes))


def changed(change: Callable[[bytes], bytes]) -> Write:
    """A bundle whose bytes are changed as a whole."""
    return lambda path: made.bundle(path).write_bytes(change(path.read_bytes()))


def instead(**changes: bytes) -> Write:
    """A bundle with other members than its manifest states."""
    members = made.contents()
    others = made.contents(**changes)
    return lambda path: made.write(path, {"viewfinder.json": made.manifest(members), **others})


def without(name: str) -> Write:
    members = made.contents()
    kept = {key: value for key, value in members.items() if key != name}
    return lambda path: made.write(path, {"viewfinder.json": made.manifest(members), **kept})


def external_weights(model: Any) -> None:
    made.external(model.graph.initializer[0])


def external_constant(model: Any) -> None:
    """In a branch of a branch: the attribute of a node of a graph of a node."""
    tensor = onnx.numpy_helper.from_array(np.float32([1]), "t")
    made.external(tensor)
    inner = helper.make_graph([helper.make_node("Constant", [], ["c"], value=tensor)], "i", [], [])
    outer = helper.make_graph(
        [helper.make_node("If", ["b"], ["c"], then_branch=inner, else_branch=inner)], "o", [], []
    )
    model.graph.node.append(
        helper.make_node("If", ["b"], ["c"], then_branch=outer, else_branch=outer)
    )


def external_in_function(model: Any) -> None:
    tensor = onnx.numpy_helper.from_array(np.float32([1]), "t")
    made.external(tensor)
    node = helper.make_node("Constant", [], ["c"], value=tensor)
    opsets = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("d", "f", [], ["c"], [node], opsets))


def external_sparse(model: Any) -> None:
    values = onnx.numpy_helper.from_array(np.float32([1]), "v")
    indices = onnx.numpy_helper.from_array(np.int64([0]), "i")
    made.external(values)
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))


EXTERNAL = [external_weights, external_constant, external_in_function, external_sparse]


def of_a_million_members(path: Path) -> None:
    """Only the directory: 60 MB of it, of which `zipfile` would make a gigabyte of objects."""
    made.bundle(path)
    start = path.read_bytes()
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", *[20] * 2, *[0] * 4, *[0] * 3, 14, *[0] * 6)
    entry += b"viewfinder.txt"
    count = 1_000_000
    end = struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, *[count % 65536] * 2, count * len(entry), len(start), 0
    )
    path.write_bytes(start + entry * count + end)


def of_overlapping_members(path: Path) -> None:
    """The directory names the same large member of a small file 40 times."""
    size = 4 << 20
    made.write(path, {"viewfinder.json": made.manifest({}), "card.md": bytes(size)})
    data = path.read_bytes()
    at, end_at = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    entries = data[at:end_at]
    second = entries[entries.index(b"PK\1\2", 4) :]
    more = b"".join(second.replace(b"card.md", b"%07d" % number) for number in range(40))
    _, disk, first, _, _, length, start, _ = struct.unpack("<4s4H2LH", data[end_at:])
    end = struct.pack("<4s4H2LH", b"PK\5\6", disk, first, 42, 42, length + len(more), start, 0)
    path.write_bytes(data[:end_at] + more + end)


def deflated(path: Path) -> None:
    members = made.contents() | {"card.md": bytes(200 << 20)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"viewfinder.json": made.manifest(members), **members}.items():
            archive.writestr(name, content)


HOSTILE: dict[str, tuple[Write, str]] = {
    "a pickle": (lambda path: path.write_bytes(pickle.dumps(print)), "end of a zip"),
    "empty": (lambda path: path.write_bytes(b""), "end of a zip"),
    "another archive": (lambda path: made.write(path, {"a.txt": b"x"}), "no viewfinder.json"),
    "cut off": (changed(lambda data: data[:-30]), "end of a zip"),
    "something after the end": (changed(lambda data: data + b"x" * 30), "end of a zip"),
    "a comment": (changed(lambda data: data[:-2] + b"\1\0"), "with a comment"),
    "a member outside": (with_member("../evil"), "leads outside"),
    "a member outside, deeper": (with_member("golden/../../evil"), "leads outside"),
    "a member of the root": (with_member("/evil"), "absolute"),
    "a member of a drive": (with_member("C:\\evil"), "absolute"),
    "a folder": (with_member("golden/"), "the name 'golden/'"),
    "a link": (with_member("card2.md", b"/etc/passwd", external_attr=0o120777 << 16), "a link"),
    "a device": (with_member("card2.md", external_attr=0o060666 << 16), "a device"),
    "a pickle that is not listed": (
        lambda path: made.write(
            path,
            {"viewfinder.json": made.manifest(made.contents()), **made.contents(), "m.pkl": b""},
        ),
        "does not list",
    ),
    "a missing member": (without("card.md"), "no card.md"),
    "no model": (
        lambda path: made.bundle(
            path, {name: one for name, one in made.contents().items() if name != "model.onnx"}
        ),
        "model.onnx",
    ),
    "compressed": (deflated, "compressed"),
    "a million members": (of_a_million_members, "members"),
    "overlapping members": (of_overlapping_members, "overlap"),
    "another size": (instead(**{"card.md": b"# Dogs, too\n"}), "card.md of"),
    "another content": (instead(**{"card.md": b"# Cats\n"}), "another content of card.md"),
    "swapped labels": (
        instead(
            **{
                "labels.json": made.contents()["labels.json"]
                .replace(b"cats", b"xxxx")
                .replace(b"dogs", b"cats")
                .replace(b"xxxx", b"dogs")
            }
        ),
        "another content of labels.json",
    ),
    "no JSON": (with_manifest(b"nothing"), "viewfinder.json"),
    "deep JSON": (with_manifest(b"[" * 900_000), "viewfinder.json"),
    "a large manifest": (with_manifest(b" " * (2 << 20)), "no viewfinder.json of"),
    "unknown keys": (with_stated(run="rm"), "run"),
    "a hash that is none": (
        with_stated(members={"card.md": {"bytes": 7, "sha256": "0"}}),
        "members.card.md.sha256",
    ),
    "a later schema": (with_stated(schema=2, version="9.0"), "later Viewfinder"),
    "labels without classes": (with_contents(**{"labels.json": {}}), "labels.json: classes"),
    "a class twice": (
        with_contents(
            **{
                "labels.json": {
                    "classes": ["a", "a", "b"],
                    "preprocessing": {"height": 4, "width": 4, "color": "gray"},
                }
            }
        ),
        "occurs twice",
    ),
    "fewer labels": (
        with_contents(**{"labels.json": made.contents()["labels.json"].replace(b', "mice"', b"")}),
        "does not fit",
    ),
    "another input": (
        with_contents(
            **{"labels.json": made.contents()["labels.json"].replace(b'"width": 4', b'"width": 5')}
        ),
        "does not fit",
    ),
    "no network": (with_contents(**{"model.onnx": b"\0" * 5000}), "model.onnx"),
    "a network of ONNX Runtime": (
        with_contents(**{"model.onnx": b"\x18\0\0\0ORTM" + bytes(100)}),
        "own format",
    ),
    **{
        change.__name__.replace("_", " "): (
            with_contents(**{"model.onnx": made.network(change=change)}),
            "weights in another file",
        )
        for change in EXTERNAL
    },
}


def test_hostile_bundles_are_refused_at_once_and_write_nothing(tmp_path: Path) -> None:
    paths = [tmp_path / str(number) / "pets.bundle" for number in range(len(HOSTILE))]
    for path, (write, _) in zip(paths, HOSTILE.values(), strict=True):
        path.parent.mkdir()
        write(path)
    found = refusals([(path, {}) for path in paths])
    for (kind, (_, why)), refusal in zip(HOSTILE.items(), found, strict=True):
        assert why in refusal.text, kind
        assert refusal.kind == "RunError"
        assert "pets.bundle" in refusal.fact
        assert "Remedy" in refusal.text or "Expected" in refusal.text
        refusal.require_at_once()
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(paths)


def test_what_these_are_made_of_can_be_loaded(tmp_path: Path) -> None:
    classifier = load(made.bundle(tmp_path / "pets.bundle"))
    assert classifier.classes == made.CLASSES
    assert classifier.starts_at_once
    (found,) = classifier.predict(made.picture())
    session = ReferenceEvaluator(onnx.load_from_string(made.network()))
    from viewfinder.pictures.prepare import prepare

    pixels = prepare(made.picture(), classifier.preprocessing).pixels.astype(np.float32)
    (expected,) = session.run(None, {"pixels": pixels[None]})
    by_name = dict(zip(made.CLASSES, expected[0], strict=True))
    assert found.probabilities == pytest.approx(by_name, abs=1e-6)


def test_changed_bytes_are_detected_or_have_no_effect(tmp_path: Path) -> None:
    path = made.bundle(tmp_path / "pets.bundle")
    whole = path.read_bytes()
    expected = load(path).predict(made.picture())[0].probabilities
    random = np.random.default_rng(0)
    for at in random.integers(0, len(whole), 150):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        try:
            found = load(path)
        except ViewfinderError:
            continue
        assert found.predict(made.picture())[0].probabilities == expected


def test_networks_with_weights_elsewhere_are_refused_outside_of_bundles_too(tmp_path: Path) -> None:
    """ONNX Runtime itself would read the file that the network names."""
    for change in EXTERNAL:
        path = tmp_path / "model.onnx"
        path.write_bytes(made.network(change=change))
        with pytest.raises(ViewfinderError, match=r"weights|another file"):
            load(path, class_names=list(made.CLASSES), preprocessing="0-255")
    with pytest.raises(ValueError, match="fields"):
        require_self_contained(b"\x08\x00" * 600_000)


def golden(**changes: Any) -> dict[str, Any]:
    path = "golden/0.png"
    pixels = "0" * 64
    shares = {"cats": 0.2, "dogs": 0.3, "mice": 0.5}
    record = {"file": path, "label": "cats", "pixels": pixels, "probabilities": shares}
    return {"golden.json": {"schema": 1, "pictures": [record | changes]}, path: made.picture()}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, "predicts otherwise"),
        ({"file": "golden/1.png"}, "no golden/1.png"),
        ({"file": "../golden/1.png"}, "no ../golden"),
        ({"file": "card.md"}, "card.md: "),
        ({"probabilities": {"cats": 1.0}}, "other classes"),
    ],
)
def test_golden_pictures_that_do_not_hold_are_refused(
    tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    path = made.bundle(tmp_path / "pets.bundle", made.contents(**golden(**changes)))
    with pytest.raises(RunError, match=why):
        verify(path)


def test_labels_swapped_together_with_their_hash_are_detected_by_the_golden_pictures(
    tmp_path: Path,
) -> None:
    path = made.bundle(tmp_path / "pets.bundle")
    found = load(path).predict(made.picture())[0]
    kept = golden(probabilities=dict(found.probabilities))
    assert verify(made.bundle(path, made.contents(**kept))).differences == {
        "model.onnx": pytest.approx(0, abs=1e-6)
    }
    labels = json.loads(made.contents()["labels.json"])
    labels["classes"] = labels["classes"][::-1]
    made.bundle(path, made.contents(**kept, **{"labels.json": labels}))
    with pytest.raises(RunError, match="predicts otherwise"):
        verify(path)


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "nothing"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "pets.bundle"
    if kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    with pytest.raises(RunError):
        load(path)
