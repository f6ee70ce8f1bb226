"""An export predicts as the model does, by its own program, or it is not written."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import bundles_by_hand as made
import viewfinder as vf
from viewfinder.core.errors import OutputError, UsageError
from viewfinder.pictures.prepare import prepare
from viewfinder.run import Run
from viewfinder.run_folder import RunFolder


def pictures_of(run: RunFolder) -> list[Path]:
    dataset = run.dataset
    rows = dataset.table
    return [dataset.source.file_of(one) for one in rows[rows["split"] == "test"]["locator"]]


def inputs(run: RunFolder) -> np.ndarray:
    facts = run.recipe.preprocessing
    pictures = [prepare(path.read_bytes(), facts).pixels for path in pictures_of(run)]
    return np.stack(pictures).astype(np.float32)


def expected(run: Run) -> np.ndarray:
    found = run.predict(pictures_of(run))
    return np.array([[one.probabilities[name] for name in run.classes] for one in found])


def in_onnx_runtime(path: Path, given: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(path)
    (taken,) = session.get_inputs()
    (answers,) = session.run(None, {taken.name: given})
    return answers


def in_openvino(path: Path, given: np.ndarray) -> np.ndarray:
    import openvino

    return openvino.Core().compile_model(path, "CPU")(given)[0]


def in_tensorflow(path: Path, given: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    (answers,) = serve(tf.constant(given)).values()
    return answers.numpy()


def in_litert(path: Path, given: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(str(path))
    (taken,), (answers,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(taken["index"], given.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(taken["index"], given)
    interpreter.invoke()
    return interpreter.get_tensor(answers["index"])


def in_keras(path: Path, given: np.ndarray) -> np.ndarray:
    return keras.models.load_model(path).predict_on_batch(given)


def with_weights(path: Path, given: np.ndarray) -> np.ndarray:
    model = keras.models.model_from_json(path.with_name("model.json").read_text())
    model.load_weights(path)
    return model.predict_on_batch(given)


needs_openvino = pytest.mark.skipif(not find_spec("openvino"), reason="needs openvino")
RUNNERS = {
    "onnx": ("model.onnx", in_onnx_runtime),
    "savedmodel": ("saved_model", in_tensorflow),
    "litert": ("model.tflite", in_litert),
    "openvino": ("model.xml", in_openvino),
    "keras": ("model.keras", in_keras),
    "weights": ("model.weights.h5", with_weights),
    "h5": ("model.h5", in_keras),
}
FORMATS = [
    pytest.param(name, marks=needs_openvino) if name == "openvino" else name for name in RUNNERS
]


@pytest.mark.parametrize("to", FORMATS)
def test_each_format_predicts_as_the_run_does_in_its_own_program(trained, tmp_path, to):
    found = vf.export(trained, to, tmp_path / "exported")
    file, run = RUNNERS[to]
    np.testing.assert_allclose(
        run(found.path / file, inputs(trained)), expected(trained), atol=1e-4
    )
    assert (found.pictures, found.same_label) == (60, 60)
    assert found.difference <= 1e-4
    assert (found.path / "labels.txt").read_text().split() == list(trained.classes)
    facts = json.loads((found.path / "preprocessing.json").read_text())
    assert facts["preprocessing"] == trained.recipe.preprocessing.model_dump(mode="json")
    files = [one for one in found.path.rglob("*") if one.is_file()]
    beside = sum(
        one.stat().st_size for one in files if one.name in ("labels.txt", "preprocessing.json")
    )
    assert found.bytes == sum(one.stat().st_size for one in files) - beside


@pytest.mark.parametrize("file", ["onnx", "h5"])
def test_what_was_exported_is_loaded_without_being_told_anything(trained, tmp_path, file):
    vf.export(trained, file, tmp_path / "exported")
    classifier = vf.load(tmp_path / "exported" / f"model.{file}")
    assert classifier.classes == trained.classes
    found = classifier.predict(pictures_of(trained))
    shares = [[one.probabilities[name] for name in trained.classes] for one in found]
    np.testing.assert_allclose(shares, expected(trained), atol=1e-5)


SLOW_RAW = [pytest.param(name, marks=pytest.mark.slow) for name in ("savedmodel", "litert")]


@pytest.mark.parametrize("to", ["onnx", FORMATS[3], *SLOW_RAW])
def test_a_raw_export_takes_pictures_of_any_size(trained, tmp_path, to):
    found = vf.export(trained, to, tmp_path / "exported", raw=True)
    assert found.levels == (0, 0)  # the run's pictures have the size of its input
    file, run = RUNNERS[to]
    random = np.random.default_rng(0)
    for size in ((8, 8), (13, 30), (200, 90), (3, 5)):
        picture = random.integers(0, 256, (*size, 3), np.uint8)
        (answer,) = trained.predict(picture)
        shares = [answer.probabilities[name] for name in trained.classes]
        np.testing.assert_allclose(run(found.path / file, picture)[0], shares, atol=0.05)


def test_int8_states_its_size_its_agreement_and_its_accuracy(trained, tmp_path):
    found = vf.export(trained, "onnx-int8", tmp_path / "exported")
    path = found.path / "model.onnx"
    kinds = {one.data_type for one in onnx.load(path).graph.initializer if len(one.dims) == 4}
    assert kinds == {TensorProto.INT8}
    labels = [trained.classes.index(path.parent.name) for path in pictures_of(trained)]
    by_int8 = in_onnx_runtime(path, inputs(trained)).argmax(axis=1)
    before = expected(trained).argmax(axis=1)
    test_only = vf.export(trained, "onnx-int8", tmp_path / "on-test", pictures=pictures_of(trained))
    assert test_only.accuracy_change is None  # of pictures without a class
    assert found.same_label >= 0.9 * found.pictures
    assert (by_int8 == before).mean() >= 0.9
    change, (low, high) = found.accuracy_change
    assert low < change < high
    gained = (by_int8 == labels).sum() - (before == labels).sum()
    assert abs(change * found.pictures - gained) <= found.pictures - len(labels)


def few_pictures(folder: Path, levels: list[int]) -> Path:
    """Gray pictures of 4 × 4, each noise up to its level."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for number, level in enumerate(levels):
        pixels = (random.random((4, 4)) * level).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03}.png")
    return folder


def test_int8_that_predicts_otherwise_is_refused_and_nothing_is_left(tmp_path):
    path = made.bundle(tmp_path / "pets.bundle")
    pictures = few_pictures(tmp_path / "pictures", [255, 3] * 40)  # ranges of the dark ones
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match=r"at most 1 of 40(.|\n)*another label on"):
        vf.export(path, "onnx-int8", pictures=pictures)
    assert sorted(tmp_path.iterdir()) == before
    bright = few_pictures(tmp_path / "bright", [255] * 80)
    assert vf.export(path, "onnx-int8", pictures=bright).same_label >= 39


def test_int8_may_choose_another_of_two_labels_that_the_model_finds_as_probable(tmp_path):
    def undecided(model):
        scale = next(one for one in model.graph.initializer if one.name == "scale")
        scale.CopyFrom(numpy_helper.from_array(np.float32([0.000003]), "scale"))

    members = made.contents() | {"model.onnx": made.network(change=undecided)}
    path = made.bundle(tmp_path / "pets.bundle", members)
    pictures = few_pictures(tmp_path / "pictures", [255, 3] * 40)
    found = vf.export(path, "onnx-int8", pictures=pictures)
    assert found.same_label < 38
    assert found.difference < 0.01


def test_an_export_that_predicts_otherwise_is_refused_and_nothing_is_left(
    trained, tmp_path, monkeypatch
):
    save = onnx.save

    def spoiled(network, *words, **more):
        weights = next(one for one in network.graph.initializer if len(one.dims) == 4)
        values = numpy_helper.to_array(weights) * np.float32(1.1)
        weights.CopyFrom(numpy_helper.from_array(values, weights.name))
        return save(network, *words, **more)

    monkeypatch.setattr("onnx.save", spoiled)
    with pytest.raises(UsageError, match="predicts otherwise"):
        vf.export(trained, "onnx", tmp_path / "exported")
    assert list(tmp_path.iterdir()) == []


def test_what_a_converter_raises_is_said_in_words_and_nothing_is_left(
    trained, tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise ZeroDivisionError("no such operation\nand much more")

    monkeypatch.setattr("onnx.save", fail)
    with pytest.raises(UsageError, match=r"cannot be exported to onnx(.|\n)*no such operation\n"):
        vf.export(trained, "onnx", tmp_path / "exported")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_kept(trained, tmp_path):
    (tmp_path / "exported").mkdir()
    with pytest.raises(OutputError, match="exists already"):
        vf.export(trained, "onnx", tmp_path / "exported")
    assert list((tmp_path / "exported").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"to": "onx"}, "did you mean 'onnx'"),
        ({"to": "h5", "raw": True}, "no preprocessing inside"),
        ({"to": "onnx"}, "no pictures to check"),
        ({"to": "onnx", "pictures": "none"}, "nothing at none"),
    ],
)
def test_what_cannot_be_exported_is_refused(tmp_path, words, message):
    path = made.bundle(tmp_path / "pets.bundle")
    with pytest.raises(UsageError, match=message):
        vf.export(path, **words)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("cut", [{"isolate": True}, {"zoom": 0.7}])
def test_what_cuts_pictures_has_no_raw_export(tmp_path, cut):
    facts = {"height": 4, "width": 4, "color": "gray", **cut}
    labels = {"schema": 1, "classes": ["a", "b", "c"], "preprocessing": facts}
    path = made.bundle(tmp_path / "pets.bundle", made.contents(**{"labels.json": labels}))
    with pytest.raises(UsageError, match="cuts pictures"):
        vf.export(path, "onnx", raw=True)
    assert list(tmp_path.iterdir()) == [path]


def test_a_model_in_8_bits_is_not_quantized_again(tmp_path):
    network = onnx.load_from_string(made.network())
    helper.set_model_props(network, {"int8": "{}"})
    content = made.contents(**{"model.onnx": network.SerializeToString()})
    path = made.bundle(tmp_path / "pets.bundle", content)
    with pytest.raises(UsageError, match="8 bits already"):
        vf.export(path, "onnx-int8")


def test_names_that_are_no_lines_are_refused(tmp_path):
    facts = {"height": 4, "width": 4, "color": "gray"}
    labels = {"schema": 1, "classes": ["a\nb", "c", "d"], "preprocessing": facts}
    path = made.bundle(tmp_path / "pets.bundle", made.contents(**{"labels.json": labels}))
    pictures = few_pictures(tmp_path / "pictures", [255])
    with pytest.raises(UsageError, match=r"cannot be lines of labels\.txt"):
        vf.export(path, "onnx", pictures=pictures)
    assert sorted(tmp_path.iterdir()) == [path, pictures]


def network_of_others(path: Path, *, logits: bool, batch: int | None, rows: bool) -> Path:
    """As PyTorch writes it, channels first; or of rows of numbers, with names that we use."""
    random = np.random.default_rng(3)
    shape = [48] if rows else [3, 4, 4]
    weights = random.normal(size=(48, 3)).astype(np.float32) / 10
    nodes = [
        helper.make_node("Flatten", ["pixels"], ["scaled"]),
        helper.make_node("MatMul", ["scaled", "weights"], ["outputs"]),
    ]
    if not logits:
        nodes.append(helper.make_node("Softmax", ["outputs"], ["probability"], axis=1))
    given = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [batch, *shape])
    last = "outputs" if logits else "probability"
    answers = helper.make_tensor_value_info(last, TensorProto.FLOAT, [batch, 3])
    graph = helper.make_graph(
        nodes, "net", [given], [answers], [numpy_helper.from_array(weights, "weights")]
    )
    opset = [helper.make_opsetid("", 11)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=6), path)
    return path


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize(
    ("scaling", "logits", "batch", "rows"),
    [("caffe", True, None, False), ("imagenet", False, 1, False), ("-1-1", True, None, True)],
)
def test_networks_of_others_are_exported_with_their_scaling(
    tmp_path, scaling, logits, batch, rows, raw
):
    path = network_of_others(tmp_path / "theirs.onnx", logits=logits, batch=batch, rows=rows)
    random = np.random.default_rng(0)
    for number in range(5):
        pixels = random.integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    facts = {"class_names": "a,b,c", "preprocessing": scaling}
    found = vf.export(path, "onnx", raw=raw, pictures=str(tmp_path / "*.png"), **facts)
    assert found.path == tmp_path / ("theirs-onnx-raw" if raw else "theirs-onnx")
    assert (found.pictures, found.same_label) == (5, 5)
    answer = in_onnx_runtime(
        found.path / "model.onnx", pixels if raw else pixels[None].astype(np.float32)
    )
    (one,) = vf.load(path, **facts).predict(pixels)
    np.testing.assert_allclose(answer[0], [one.probabilities[name] for name in "abc"], atol=1e-5)
    assert answer[0].sum() == pytest.approx(1)


def test_a_bundle_is_exported_to_onnx_without_keras_and_pandas(tmp_path):
    path = made.bundle(tmp_path / "pets.bundle")
    pictures = few_pictures(tmp_path / "pictures", [255] * 8)
    optional = ["keras", "tensorflow", "pandas", "sklearn", "scipy", "matplotlib", "pyarrow"]
    words = ["export", str(path), "--pictures", str(pictures), "--json"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({optional!r}))\n"
        "from viewfinder.cli import main\n"
        f"for more in ([], ['--to', 'onnx-int8'], ['--raw']): main([*{words!r}, *more], "
        "standalone_mode=False)\n"
        f"main([*{words!r}, '--to', 'keras'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.stdout.count('"same_label": ') == 3
    assert done.returncode == 2
    assert "no model of Keras" in done.stderr
