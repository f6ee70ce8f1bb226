"""Keras models as ONNX files, on every backend.

tf2onnx converts what TensorFlow has traced. (Keras's `Model.export` does so, too, but wants to see
the model run first, and looks through all its parts for tables, which takes longer than the trace.)
On another backend the model is handed to a process that runs Keras on TensorFlow, where TensorFlow
is installed: what JAX's own exporter needs is larger than TensorFlow.
"""

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np

from viewfinder.core.errors import BackendError, DataError, UsageError
from viewfinder.core.files import written_whole
from viewfinder.runtime.backend import use_backend
from viewfinder.runtime.onnx import INSTALL, OnnxModel

if TYPE_CHECKING:
    import keras

# How far ONNX Runtime may be from Keras, relative to the largest output.
_TOLERANCE = 1e-3
# tf2onnx copies the graph with all weights before each of its two dozen optimisations, so that it
# could go on without one that fails; that takes as long as all the rest.
_WITHOUT_COPIES = {"TF2ONNX_CATCH_ERRORS": "FALSE"}


def export_onnx(model: "keras.Model", path: Path) -> None:
    """Write a model as an ONNX file, once ONNX Runtime has given the same answer as Keras.

    Args:
        model: A functional model with one input, (height, width, channels), and one output.
        path: The file; written whole.

    Raises:
        UsageError: TensorFlow or tf2onnx is missing, or ONNX Runtime cannot run the network or does
            not give the same answer.
    """
    if missing := [
        name for name in ("tensorflow", "tf2onnx", "onnxruntime") if not find_spec(name)
    ]:
        raise UsageError(
            f"A model cannot be exported to ONNX without {' and '.join(missing)}.", remedy=INSTALL
        )
    with written_whole(path) as temporary, _without_logs():
        if use_backend() == "tensorflow":
            _export(model, temporary)
        else:
            _export_beside(model, temporary)
        _require_the_same(model, temporary)


@contextmanager
def _without_logs() -> Iterator[None]:
    """tf2onnx logs each operation that it does not know; what comes of it is told by a trial."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _export(model: "keras.Model", path: Path) -> None:
    import keras
    import tensorflow as tf
    from tf2onnx.convert import from_function

    for layer in model._flatten_layers():  # those inside of others, too
        if isinstance(layer, keras.layers.Normalization):
            # As tensors, which the layer keeps beside its weights, they would be further inputs.
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
    inputs = model.inputs[0]
    pixels = tf.TensorSpec((None, *inputs.shape[1:]), inputs.dtype)
    network = tf.function(lambda pixels: model(pixels, training=False), autograph=False)
    try:
        with mock.patch.dict(os.environ, _WITHOUT_COPIES):
            from_function(network, [pixels], output_path=str(path))
    except Exception:  # an optimisation has failed, in a way of its own: go on without it
        try:
            from_function(network, [pixels], output_path=str(path))
        except Exception as error:  # what an operation makes tf2onnx raise may be anything
            raise UsageError(
                f"{model.name} cannot be exported to ONNX.", received=_first_line(error)
            ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _export_beside(model: "keras.Model", path: Path) -> None:
    """The same in a process of its own, on TensorFlow."""
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model.keras"
        model.save(saved)
        done = subprocess.run(
            [sys.executable, "-m", "viewfinder.runtime.export", str(saved), str(path)],
            env=os.environ | {"KERAS_BACKEND": "tensorflow"},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise BackendError(
            "TensorFlow could not export the model to ONNX.", received=done.stderr[-500:]
        )


def _require_the_same(model: "keras.Model", path: Path) -> None:
    """Hold the exported network against the model on a picture of noise."""
    import keras

    shape = (2, *model.input_shape[1:])
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
    right = np.asarray(keras.ops.convert_to_numpy(model(noise, training=False)))
    try:
        network = OnnxModel(path)
    except DataError as error:
        raise UsageError(
            f"{model.name} has operations that ONNX Runtime does not know.",
            received=error.received,
        ) from error
    off = float(np.abs(network(noise) - right).max())
    if not off <= _TOLERANCE * max(1.0, float(np.abs(right).max())):
        raise UsageError(
            f"{model.name} gives other numbers as ONNX than in Keras.",
            expected=f"the same within {_TOLERANCE}",
            received=f"up to {off:.2g} apart",
        )


def main(saved: str, target: str) -> None:
    """Export the `.keras` file `saved` to the ONNX file `target`."""
    use_backend()
    import keras

    _export(keras.saving.load_model(saved, compile=False, safe_mode=True), Path(target))


if __name__ == "__main__":
    main(*sys.argv[1:])
