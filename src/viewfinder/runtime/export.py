"""Export of Keras models to ONNX, on every backend.

tf2onnx converts a trace of TensorFlow. (Keras's `Model.export` does so too, but runs the model
first and searches all its parts for tables, which takes longer than the trace.) On another backend
a separate process exports the model with Keras on TensorFlow, which must be installed: JAX's own
exporter needs larger packages than TensorFlow.
"""

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import BackendError, DataError, UsageError
from viewfinder.core.files import written_whole
from viewfinder.runtime.backend import use_backend
from viewfinder.runtime.onnx import OnnxModel

if TYPE_CHECKING:
    import keras

# The largest difference of ONNX Runtime from Keras, relative to the largest output.
_TOLERANCE = 1e-3
# By default tf2onnx copies the graph with all weights before each of its two dozen optimisations,
# to recover from one that fails; that doubles the time.
_WITHOUT_COPIES = {"TF2ONNX_CATCH_ERRORS": "FALSE"}


def export_onnx(
    model: "keras.Model",
    path: Path,
    *,
    samples: NDArray[np.uint8] | None = None,
    tolerance: float = _TOLERANCE,
    facts: Mapping[str, str] | None = None,
    further: "Mapping[str, keras.KerasTensor] | None" = None,
) -> None:
    """Write a model as an ONNX file, after comparing ONNX Runtime's outputs with Keras's.

    Args:
        model: A functional model with one input, (height, width, channels), and one output.
        path: The file; written completely or not at all.
        samples: Pictures to compare on, besides two of noise; uint8, (n, height, width, channels).
        tolerance: The largest difference, relative to the largest output or to 1; for further
            outputs at least 0.001.
        facts: Texts to store in the file, by key.
        further: Tensors of the model's graph that become further outputs, by name.

    Raises:
        UsageError: TensorFlow or tf2onnx is missing, or ONNX Runtime cannot run the network, or
            its outputs differ.
    """
    if missing := [name for name in ("tensorflow", "tf2onnx") if not find_spec(name)]:
        raise UsageError(
            f"Export to ONNX needs {' and '.join(missing)}.",
            remedy="pip install 'viewfinder[cpu]'",
        )
    backend, names = use_backend(), tuple(further or ())
    if further:
        import keras

        model = keras.Model(model.inputs[0], [*model.outputs, *further.values()], name=model.name)
    with written_whole(path) as temporary, without_logs():
        if backend == "tensorflow":
            _export(model, temporary)
        else:
            _export_beside(model, temporary)
        if facts or names:
            _store(facts or {}, names, temporary)
        require_equal_outputs(model, temporary, samples, tolerance)


@contextmanager
def without_logs() -> Iterator[None]:
    """Suppress logs: tf2onnx logs each unknown operation; a comparison finds those that matter."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _export(model: "keras.Model", path: Path) -> None:
    from unittest import mock  # takes longer to import than this module

    import keras
    import tensorflow as tf
    from tf2onnx.convert import from_function

    for layer in model._flatten_layers():  # nested layers, too
        if isinstance(layer, keras.layers.Normalization):
            # As tensors beside the layer's weights, they would become further inputs.
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
    inputs = model.inputs[0]
    pixels = tf.TensorSpec((None, *inputs.shape[1:]), inputs.dtype)
    network = tf.function(lambda pixels: model(pixels, training=False), autograph=False)
    try:
        with mock.patch.dict(os.environ, _WITHOUT_COPIES):
            from_function(network, [pixels], output_path=str(path))
    except Exception:  # an optimisation has failed, with any exception: repeat with copies
        try:
            from_function(network, [pixels], output_path=str(path))
        except Exception as error:  # tf2onnx may raise anything
            raise UsageError(
                f"{model.name} cannot be exported to ONNX.", received=_first_line(error)
            ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _export_beside(model: "keras.Model", path: Path) -> None:
    """Export in a separate process on TensorFlow."""
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


def _store(facts: Mapping[str, str], names: Sequence[str], path: Path) -> None:
    """Store the facts, and name the outputs after the first."""
    import onnx

    network = onnx.load(path)
    onnx.helper.set_model_props(network, dict(facts))
    graph = network.graph
    for output, name in zip(graph.output[1:], names, strict=True):
        # tf2onnx numbers its outputs.
        graph.node.add(op_type="Identity", input=[output.name], output=[name])
        output.name = name
    onnx.save(network, path)


def require_equal_outputs(
    model: "keras.Model", path: Path, samples: NDArray[np.uint8] | None, tolerance: float
) -> None:
    """Compare the exported network with the model on two pictures of noise, and on samples.

    Raises:
        UsageError: They differ by more than the tolerance, or ONNX Runtime cannot run the network.
    """
    import keras

    shape = (2, *model.input_shape[1:])
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
    images = noise if samples is None else np.concatenate([noise, samples.astype(np.float32)])
    answers = model(images, training=False)
    expected = [
        np.asarray(keras.ops.convert_to_numpy(one))
        for one in (answers if isinstance(answers, list) else [answers])
    ]
    try:
        network = OnnxModel(path)
    except DataError as error:
        raise UsageError(
            f"{model.name} has operations that ONNX Runtime does not support.",
            received=error.received,
        ) from error
    further = network.further[: len(expected) - 1]  # the file may have more outputs
    given = network.run(images, *further)
    tolerances = [tolerance, *[max(tolerance, _TOLERANCE)] * len(further)]
    for output, wanted, most in zip(given, expected, tolerances, strict=True):
        difference = float(np.abs(output - wanted).max())
        if not difference <= most * max(1.0, float(np.abs(wanted).max())):
            raise UsageError(
                f"{model.name} has other outputs in ONNX Runtime than in Keras.",
                expected=f"equal within {most}",
                received=f"differences up to {difference:.2g}",
            )


def main(saved: str, target: str) -> None:
    """Export the `.keras` file `saved` to the ONNX file `target`."""
    use_backend()
    import keras

    _export(keras.saving.load_model(saved, compile=False, safe_mode=True), Path(target))


if __name__ == "__main__":
    main(*sys.argv[1:])
