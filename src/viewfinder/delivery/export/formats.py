"""The formats of exports: how each is written, and how it is run where it is checked."""

import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import UsageError
from viewfinder.delivery.export.picture_graph import prepared
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.runtime.backend import use_backend
from viewfinder.runtime.loading import load_model
from viewfinder.runtime.onnx import OnnxModel

if TYPE_CHECKING:
    import keras

Name = Literal["onnx", "onnx-int8", "savedmodel", "litert", "openvino", "keras", "weights", "h5"]
# From prepared pictures (n, height, width, channels), or from one decoded picture, to rows.
Network = Callable[[NDArray[np.uint8]], Any]
# Written without Keras, from an ONNX network.
OF_ONNX: tuple[Name, ...] = ("onnx", "onnx-int8", "openvino")
RAW: tuple[Name, ...] = (*OF_ONNX, "savedmodel", "litert")


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        file: What it writes into the folder of the export.
        write: Writes a model, or an ONNX network, to that path. With a preprocessing, the export
            takes decoded pictures.
        open: Returns the network that was written there; `raw` is whether it takes decoded
            pictures.
    """

    file: str
    write: Callable[[Any, Path, Preprocessing | None], None]
    open: Callable[[Path, bool], Network]


def _write_onnx(network: Any, path: Path, facts: Preprocessing | None) -> None:
    import onnx

    from viewfinder.delivery.export.onnx_graph import on_pictures

    onnx.save(network if facts is None else on_pictures(network, facts), path)


def session(source: bytes) -> Network:
    """Return an ONNX network that takes one decoded picture."""
    import onnxruntime

    opened = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    return lambda picture: opened.run(None, {"picture": picture})[0]


def _open_onnx(path: Path, raw: bool) -> Network:
    return session(path.read_bytes()) if raw else OnnxModel(path)


def _write_openvino(network: Any, path: Path, facts: Preprocessing | None) -> None:
    import openvino

    with tempfile.TemporaryDirectory(prefix="viewfinder-") as folder:
        _write_onnx(network, Path(folder) / "model.onnx", facts)
        read = openvino.Core().read_model(Path(folder) / "model.onnx")
        openvino.save_model(read, path, compress_to_fp16=False)


def _open_openvino(path: Path, raw: bool) -> Network:
    import openvino

    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(path, "CPU", exact)
    if raw:
        return lambda picture: compiled(picture)[0]
    return _one_by_one(lambda image: compiled(image)[0])


def _one_by_one(run: Callable[[NDArray[np.float32]], Any]) -> Network:
    """Return a network that takes any number of pictures, from one that takes a batch of one."""
    return lambda images: np.concatenate([run(image[None].astype(np.float32)) for image in images])


def tensor_preparing(facts: Preprocessing) -> Callable[[Any], Any]:
    """Return the function from a decoded picture to a model's input, for tensors of TensorFlow."""
    import tensorflow as tf
    from keras import ops

    def prepare(picture: Any) -> Any:
        height, width, _ = tf.unstack(tf.cast(tf.shape(picture), tf.float32))
        return prepared(ops, tf.cast(picture, tf.float32), height, width, facts)

    return prepare


def _write_savedmodel(model: "keras.Model", path: Path, facts: Preprocessing | None) -> None:
    backend = use_backend()
    if backend != "tensorflow":
        raise UsageError(
            "TensorFlow's formats are written by Keras on TensorFlow.",
            received=f"Keras on {backend}",
            remedy="KERAS_BACKEND=tensorflow viewfinder export …; pip install 'viewfinder[cpu]'",
        )
    import tensorflow as tf
    from keras.export import ExportArchive

    archive = ExportArchive()
    archive.track(model)
    if facts is None:
        name, shape, dtype = "pixels", (None, *model.input_shape[1:]), tf.float32

        def serve(given: Any) -> Any:
            return model(given, training=False)

    else:
        name, shape, dtype, prepare = "picture", (None, None, 3), tf.uint8, tensor_preparing(facts)

        def serve(given: Any) -> Any:
            return model(prepare(given)[None], training=False)

    archive.add_endpoint("serve", serve, [tf.TensorSpec(shape, dtype, name=name)])
    archive.write_out(str(path), verbose=False)


def _open_savedmodel(path: Path, raw: bool) -> Network:
    import tensorflow as tf

    opened = tf.saved_model.load(str(path))
    dtype = np.uint8 if raw else np.float32
    return lambda given: opened.serve(tf.constant(given.astype(dtype)))


def _write_litert(model: "keras.Model", path: Path, facts: Preprocessing | None) -> None:
    import tensorflow as tf

    with tempfile.TemporaryDirectory(prefix="viewfinder-") as folder:
        _write_savedmodel(model, Path(folder) / "saved", facts)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(Path(folder) / "saved"))
        path.write_bytes(converter.convert())


def _open_litert(path: Path, raw: bool) -> Network:
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that its interpreter will move to another package
        interpreter = tf.lite.Interpreter(str(path))
    taken = interpreter.get_input_details()[0]["index"]
    given = interpreter.get_output_details()[0]["index"]

    def run(values: NDArray[Any]) -> Any:
        interpreter.resize_tensor_input(taken, values.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(taken, values)
        interpreter.invoke()
        return interpreter.get_tensor(given)

    return run if raw else _one_by_one(run)


def _write_keras(model: "keras.Model", path: Path, _: Preprocessing | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that HDF5 is the old format
        model.save(path)


def _open_keras(path: Path, _: bool) -> Network:
    model: Network = load_model(path).predict_on_batch
    return model


def _write_weights(model: "keras.Model", path: Path, _: Preprocessing | None) -> None:
    model.save_weights(path)
    path.with_name(_NETWORK).write_text(model.to_json(), encoding="utf-8")


def _open_weights(path: Path, _: bool) -> Network:
    import keras

    text = path.with_name(_NETWORK).read_text(encoding="utf-8")
    model = keras.models.model_from_json(text)
    model.load_weights(path)
    run: Network = model.predict_on_batch
    return run


# The layers, beside weights.
_NETWORK = "model.json"
FORMATS: dict[Name, Format] = {
    "onnx": Format("model.onnx", _write_onnx, _open_onnx),
    "onnx-int8": Format("model.onnx", _write_onnx, _open_onnx),
    "savedmodel": Format("saved_model", _write_savedmodel, _open_savedmodel),
    "litert": Format("model.tflite", _write_litert, _open_litert),
    "openvino": Format("model.xml", _write_openvino, _open_openvino),
    "keras": Format("model.keras", _write_keras, _open_keras),
    "weights": Format("model.weights.h5", _write_weights, _open_weights),
    "h5": Format("model.h5", _write_keras, _open_keras),
}
