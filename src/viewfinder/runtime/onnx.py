"""ONNX Runtime: where a network that is only run forward runs several times faster than in Keras.

Needs neither Keras nor a backend, so what has been exported once starts in a second.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import DataError, UsageError

INSTALL = "pip install 'viewfinder[onnx]'"
WHY_INSTALL = f"ONNX Runtime, several times faster on a CPU, is not installed ({INSTALL})"

# On two cores small batches are as fast as large ones or faster, and need less memory; see
# docs/performance.md.
BATCH = 16


def is_installed() -> bool:
    """Whether ONNX Runtime is there; imports nothing."""
    return find_spec("onnxruntime") is not None


class OnnxModel:
    """A network in an ONNX file, with one input and one output.

    It may be called from several threads at once. With `threads=1` that is the fastest way to go
    through many pictures: each thread decodes a batch and runs it.

    Args:
        path: The file.
        threads: How many threads one call uses.

    Raises:
        UsageError: ONNX Runtime is not installed.
        DataError: The file is no such network.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        if not is_installed():
            raise UsageError("ONNX Runtime is not installed.", remedy=INSTALL)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # its warnings are about optimisations of its own
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            (self._input,) = [one.name for one in self._session.get_inputs()]
            (self._output,) = [one.name for one in self._session.get_outputs()]
        except Exception as error:  # its own exceptions share no base class
            raise DataError(
                f"{path} is no network for ONNX Runtime.", received=str(error)
            ) from error

    def __call__(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """The network's output for a batch.

        Args:
            images: Shape (n, height, width, channels), values 0 to 255, any numeric type.

        Returns:
            float32, n rows.
        """
        fed = {self._input: np.ascontiguousarray(images, np.float32)}
        (output,) = self._session.run([self._output], fed)
        return np.asarray(output, np.float32)
