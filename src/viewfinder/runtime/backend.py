"""Which backend Keras runs on: settled before Keras is first imported, as Keras demands."""

import json
import os
import re
import sys
import tempfile
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from viewfinder.core.errors import BackendError, nearest
from viewfinder.core.files import keras_home

# In the order of preference: the package that is imported for each of Keras's backends.
_BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}

_GREETINGS = re.compile(r"absl::InitializeLog|port\.cc|cpu_feature_guard|rebuild TensorFlow|cudart")

_INSTALL = "pip install 'viewfinder[cpu]' (TensorFlow), 'viewfinder[jax]' or 'viewfinder[torch]'"


def use_backend() -> str:
    """Import Keras on a backend that is installed, and name the backend.

    Raises:
        BackendError: None is installed, or not the one that was asked for.
    """
    chosen = choose_backend()
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = chosen
        _import_without_greetings("keras")
    return chosen


def choose_backend() -> str:
    """The backend that Keras runs on or would run on; imports nothing.

    `KERAS_BACKEND` decides where it is set, then Keras's own configuration file; else it is the
    first one installed of TensorFlow, JAX and PyTorch.

    Raises:
        BackendError: None is installed, or not the one that was asked for.
    """
    if "keras" in sys.modules:
        return str(sys.modules["keras"].backend.backend())
    asked = os.environ.get("KERAS_BACKEND") or _configured()
    installed = [name for name, package in _BACKENDS.items() if find_spec(package)]
    if asked and asked not in _BACKENDS:
        raise BackendError(
            f"KERAS_BACKEND asks for {asked!r}, which cannot train.",
            expected="tensorflow, jax or torch",
            received=asked,
            remedy=nearest(asked, _BACKENDS),
        )
    if asked and asked not in installed:
        raise BackendError(
            f"KERAS_BACKEND asks for {asked}, which is not installed.",
            expected=f"one of the installed: {', '.join(installed) or 'none is'}",
            received=asked,
            remedy=_INSTALL,
        )
    if not asked and not installed:
        raise BackendError(
            "No deep-learning backend is installed.",
            expected="TensorFlow, JAX or PyTorch",
            remedy=_INSTALL,
        )
    return asked or installed[0]


def versions() -> dict[str, str]:
    """The versions of what a result may depend on."""
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


def _import_without_greetings(module: str) -> None:
    """Import what imports TensorFlow, whose greetings say nothing that a user could act on.

    It writes them from C++, before any setting of its logs is heard, so the only way is to catch
    what reaches stderr meanwhile; all but the greetings is then passed on. (Keras imports
    TensorFlow, where it is installed, on other backends too.)
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
    """The backend in Keras's configuration file, if its owner has set one that is installed.

    Keras writes that file by itself with "tensorflow" in it, so the word alone is not a wish.
    """
    try:
        named = json.loads((keras_home() / "keras.json").read_text(encoding="utf-8")).get("backend")
    except (OSError, ValueError, AttributeError):
        return None
    return named if named in _BACKENDS and find_spec(_BACKENDS[named]) else None
