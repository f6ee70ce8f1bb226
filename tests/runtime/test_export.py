"""A Keras model as ONNX gives what Keras gives; what cannot be exported is said."""

import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.models.features.extractor import Extractor
from viewfinder.runtime.backend import use_backend
from viewfinder.runtime.export import export_onnx
from viewfinder.runtime.onnx import OnnxModel

use_backend()
import keras  # noqa: E402

needs_onnx = pytest.mark.skipif(
    not all(map(find_spec, ("tf2onnx", "tensorflow"))),
    reason="needs tf2onnx and TensorFlow",
)


def tiny() -> keras.Model:
    inputs = keras.Input((9, 7, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.5)(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model, path = tiny(), tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    export_onnx(model, path)
    return model, path


@needs_onnx
@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64])
def test_onnx_says_what_keras_says_for_any_batch(exported, kind):
    model, path = exported
    network = OnnxModel(path)
    for count in (1, 5):
        images = np.random.default_rng(0).integers(0, 256, (count, 9, 7, 3)).astype(kind)
        wanted = model.predict_on_batch(images)
        np.testing.assert_allclose(network(images), wanted, atol=1e-5)


@needs_onnx
def test_further_outputs_are_computed_by_name(tmp_path):
    model, path = tiny(), tmp_path / "further.onnx"
    norm = next(one for one in model.layers if isinstance(one, keras.layers.BatchNormalization))
    conv = model.layers[2]
    export_onnx(model, path, further={"maps": norm.output, "conv": conv.output}, facts={"a": "b"})
    network = OnnxModel(path)
    assert (network.further, network.facts) == (("maps", "conv"), {"a": "b"})
    images = np.random.default_rng(0).integers(0, 256, (3, 9, 7, 3)).astype(np.float32)
    whole = keras.Model(model.inputs, [model.outputs[0], conv.output])
    for found, wanted in zip(
        network.run(images, "conv"), whole.predict_on_batch(images), strict=True
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    np.testing.assert_allclose(network(images), model.predict_on_batch(images), atol=1e-5)


@needs_onnx
def test_another_network_is_not_written(monkeypatch, tmp_path):
    import tensorflow as tf
    import tf2onnx

    convert, other = tf2onnx.convert.from_function, tf.function(tiny(), autograph=False)

    def convert_other(_, *words, **more):
        return convert(other, *words, **more)

    monkeypatch.setattr("tf2onnx.convert.from_function", convert_other)
    with pytest.raises(UsageError, match="has other outputs"):
        export_onnx(tiny(), tmp_path / "wrong.onnx")
    assert list(tmp_path.iterdir()) == []


class Built(Extractor):
    """The features of a network that a function builds."""

    name = "tiny"

    def __init__(self, weights, build):
        self.weights, self._build = weights, build

    @property
    def identity(self):
        return {"weights": self.weights}

    def build(self):
        return self._build()


@needs_onnx
def test_what_onnx_runtime_cannot_run_runs_in_keras(monkeypatch, capsys):
    """As ConvNeXt, whose wide depthwise convolutions Keras compiles."""

    def convert(*_, output_path):
        Path(output_path).write_bytes(b"strange")

    monkeypatch.setattr("tf2onnx.convert.from_function", convert)
    runner = Built("5", tiny).start(Progress(1))
    assert not runner.in_threads
    assert "does not support" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"no network"])
@needs_onnx
def test_a_file_that_is_no_network_is_refused(tmp_path, content):
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a network"):
        OnnxModel(path)


@needs_onnx
def test_the_second_start_builds_nothing_and_a_damaged_file_is_made_again(own_cache):
    extractor = Built("1", tiny)
    images = np.random.default_rng(1).integers(0, 256, (3, 9, 7, 3), dtype=np.uint8)
    first = extractor.start(Progress(0))(images)

    def never() -> keras.Model:
        raise AssertionError("it was built again")

    again = Built("1", never).start(Progress(0))
    np.testing.assert_array_equal(again(images), first)
    (path,) = (own_cache / "onnx").glob("*.onnx")
    path.write_bytes(path.read_bytes()[:100])
    mended = Built("1", tiny).start(Progress(0))
    assert mended(images).shape == first.shape
    with pytest.raises(AssertionError, match="built again"):
        Built("2", never).start(Progress(0))


@needs_onnx
def test_an_extractor_is_started_once_and_records_the_seconds(own_cache):
    def slowly() -> keras.Model:
        time.sleep(0.05)
        return tiny()

    extractor = Built("4", slowly)
    assert extractor.started_s == 0
    runner = extractor.start(Progress(0))
    took = extractor.started_s
    assert took >= 0.05
    assert extractor.start(Progress(0)) is runner
    assert extractor.started_s == took


@needs_onnx
def test_a_network_that_cannot_be_exported_runs_in_keras_with_a_warning(monkeypatch, capsys):
    def refuse(model, path, **_):
        raise UsageError("tiny cannot be exported.")

    monkeypatch.setattr("viewfinder.runtime.export.export_onnx", refuse)
    runner = Built("3", tiny).start(Progress(1))
    assert not runner.in_threads
    assert "tiny cannot be exported" in capsys.readouterr().err


@needs_onnx
@pytest.mark.parametrize("given", [False, True], ids=["as EfficientNet", "as ConvNeXt"])
def test_what_normalises_is_no_further_input(given, tmp_path):
    inputs = keras.Input((9, 7, 3))
    named = {"mean": [1.0, 2.0, 3.0], "variance": [4.0, 5.0, 6.0]} if given else {}
    layer = keras.layers.Normalization(**named)
    model = keras.Model(inputs, keras.layers.Flatten()(layer(inputs)))
    if not given:
        layer.adapt(np.random.default_rng(0).normal(size=(20, 9, 7, 3)))
    export_onnx(model, tmp_path / "normal.onnx")  # which holds it against Keras
    assert OnnxModel(tmp_path / "normal.onnx")(np.ones((2, 9, 7, 3))).shape == (2, 189)


@needs_onnx
def test_a_model_that_normalises_inside_another_is_exported(tmp_path):
    """As an EfficientNet in a model of one's own."""
    layer = keras.layers.Normalization()
    layer.adapt(np.random.default_rng(0).normal(size=(20, 9, 7, 3)))
    inner = keras.Sequential([keras.Input((9, 7, 3)), layer, keras.layers.Flatten()])
    inputs = keras.Input((9, 7, 3))
    export_onnx(keras.Model(inputs, inner(inputs)), tmp_path / "inner.onnx")


@needs_onnx
def test_whatever_tf2onnx_raises_is_said_as_one_thing(monkeypatch, tmp_path):
    def fail(*_, **__):
        raise ZeroDivisionError("no such operation\nand much more")

    monkeypatch.setattr("tf2onnx.convert.from_function", fail)
    with pytest.raises(UsageError, match=r"cannot be exported(.|\n)*no such operation$"):
        export_onnx(tiny(), tmp_path / "tiny.onnx")


@needs_onnx
def test_an_optimisation_that_fails_is_left_out(monkeypatch, tmp_path):
    """As that of transposes does for MobileNetV3."""
    from tf2onnx.optimizer.transpose_optimizer import TransposeOptimizer

    tried = []

    def fail(self, graph, _):
        tried.append(graph)
        raise ZeroDivisionError("no such transpose")

    monkeypatch.setattr(TransposeOptimizer, "optimize", fail)
    export_onnx(tiny(), tmp_path / "tiny.onnx")  # which holds it against Keras
    assert len(tried) > 1


def test_the_session_needs_no_keras():
    import subprocess

    script = (
        "import sys; import viewfinder.models.features, viewfinder.runtime.onnx\n"
        "print(*({'keras', 'tensorflow', 'jax', 'sklearn', 'onnxruntime'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, [])


def test_a_runtime_that_cannot_be_imported_is_no_damaged_network(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError):
        OnnxModel(b"")
