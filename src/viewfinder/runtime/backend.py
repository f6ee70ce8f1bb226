"""Keras's backend: its choice, which must precede the first import of Keras, and its settings."""

import json
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from viewfinder.core.errors import BackendError, nearest
from viewfinder.core.extras import INSTALL_BACKEND
from viewfinder.core.files import keras_home

# The package of each backend, in the order of preference.
_BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}

_GREETINGS = re.compile(r"absl::InitializeLog|port\.cc|cpu_feature_guard|rebuild TensorFlow|cudart")

_XLA_FLAG = "--xla_gpu_deterministic_ops=true"


def use_backend() -> str:
    """Import Keras on an installed backend, and return the backend's name.

    Raises:
        BackendError: No backend is installed, or not the requested one.
    """
    chosen = choose_backend()
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = chosen
        _import_without_greetings("keras")
    return chosen


def choose_backend() -> str:
    """Return the backend that Keras runs on or would run on; imports nothing.

    `KERAS_BACKEND` has priority, then Keras's configuration file, then the first installed one of
    TensorFlow, JAX and PyTorch.

    Raises:
        BackendError: No backend is installed, or not the requested one.
    """
    if "keras" in sys.modules:
        return str(sys.modules["keras"].backend.backend())
    requested = os.environ.get("KERAS_BACKEND") or _configured()
    installed = [name for name, package in _BACKENDS.items() if find_spec(package)]
    if requested and requested not in _BACKENDS:
        raise BackendError(
            f"KERAS_BACKEND is {requested!r}, which cannot train.",
            expected="tensorflow, jax or torch",
            received=requested,
            remedy=nearest(requested, _BACKENDS),
        )
    if requested and requested not in installed:
        raise BackendError(
            f"KERAS_BACKEND is {requested}, which is not installed.",
            expected=f"an installed backend: {', '.join(installed) or 'none is'}",
            received=requested,
            remedy=INSTALL_BACKEND,
        )
    if not requested and not installed:
        raise BackendError(
            "No deep-learning backend is installed.",
            expected="TensorFlow, JAX or PyTorch",
            remedy=INSTALL_BACKEND,
        )
    return requested or installed[0]


def versions() -> dict[str, str]:
    """Return the versions of the packages that a result may depend on."""
    names = (
        "viewfinder",
        "keras",
        "tensorflow-cpu",
        "tensorflow",
        "jax",
        "torch",
        "numpy",
        "opencv-python-headless",
        "pillow",
        "simplejpeg",
        "scikit-learn",
    )
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def use_deterministic_operations() -> str:
    """Make the backend use deterministic operations only, from now on in this process.

    On a CPU the operations of an image classifier are deterministic in any case. On an accelerator
    they may become slower; the backend raises an error for one without a deterministic form.

    Returns:
        A line that states the setting.
    """
    backend = choose_backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        return "Deterministic: TensorFlow's op determinism is on."
    if backend == "jax":
        flags = os.environ.get("XLA_FLAGS", "")
        if _XLA_FLAG in flags:
            return f"Deterministic: XLA_FLAGS has {_XLA_FLAG}."
        os.environ["XLA_FLAGS"] = f"{flags} {_XLA_FLAG}".strip()
        return (
            f"Deterministic: added {_XLA_FLAG} to XLA_FLAGS. JAX reads it once: restart the "
            "process if JAX has computed before."
        )
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    return "Deterministic: torch.use_deterministic_algorithms is on."


@contextmanager
def several_models() -> Iterator[None]:
    """Suppress TensorFlow's retracing warning while several models are trained in turn.

    TensorFlow counts tracings by the name of Keras's function, over all models.
    """
    logger = logging.getLogger("tensorflow")
    logger.addFilter(_is_other_message)
    try:
        yield
    finally:
        logger.removeFilter(_is_other_message)


def _is_other_message(record: logging.LogRecord) -> bool:
    return "triggered tf.function retracing" not in record.getMessage()


def _import_without_greetings(module: str) -> None:
    """Import a module that imports TensorFlow, without TensorFlow's start-up messages.

    C++ code prints them before any setting of the logs takes effect, so stderr is captured during
    the import, and everything else is then printed. (Keras imports an installed TensorFlow on other
    backends too.)
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with tempfile.TemporaryFile() as caught:
        stderr = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            import_module(module)
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            caught.seek(0)
            for line in caught.read().decode(errors="replace").splitlines():
                if line and not _GREETINGS.search(line):
                    print(line, file=sys.stderr)


def _configured() -> str | None:
    """Return the backend in Keras's configuration file, if it is installed.

    Keras writes "tensorflow" into that file by itself, so it need not be the user's choice.
    """
    try:
        named = json.loads((keras_home() / "keras.json").read_text(encoding="utf-8")).get("backend")
    except (OSError, ValueError, AttributeError):
        return None
    return named if named in _BACKENDS and find_spec(_BACKENDS[named]) else None
