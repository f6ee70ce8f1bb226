"""Writes logs for TensorBoard."""

from importlib.util import find_spec
from pathlib import Path

import keras

from viewfinder.core.errors import UsageError

FOLDER = "tensorboard"


def require_tensorboard() -> None:
    """Raise `UsageError` unless TensorFlow and TensorBoard can be imported."""
    missing = [name for name in ("tensorflow", "tensorboard") if not find_spec(name)]
    if missing:
        raise UsageError(
            f"TensorBoard's logs cannot be written: {' and '.join(missing)} cannot be imported.",
            expected="TensorFlow and TensorBoard, with any backend",
            remedy="pip install 'viewfinder[cpu,tensorboard]', or train without `tensorboard`",
        )


def tensorboard_logs(run: Path) -> keras.callbacks.Callback:
    """Return a callback that logs each epoch for `tensorboard --logdir RUN/tensorboard`."""
    require_tensorboard()
    return keras.callbacks.TensorBoard(str(run / FOLDER), write_graph=False)
