"""A saved model, loaded in safe mode: what comes from elsewhere cannot run code of its own."""

import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from viewfinder.core.errors import DataError
from viewfinder.runtime.backend import use_backend

if TYPE_CHECKING:
    import keras

INSTALL_HUB = "pip install 'viewfinder[hub]'"
_MOST_LETTERS = 300


def load_model(path: Path) -> "keras.Model":
    """The model in a `.keras` file, without loss and optimizer.

    Raises:
        DataError: It cannot be loaded. Where it has layers of KerasHub, and that is not installed,
            the message has the command that installs it.
    """
    use_backend()
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # what a damaged file makes Keras raise may be anything
        if find_spec("keras_hub") is None and _has_layers_of_hub(path):
            raise DataError(
                f"The model {path} has layers of KerasHub, which is not installed.",
                remedy=INSTALL_HUB,
            ) from error
        raise DataError(
            f"The model {path} cannot be loaded.", received=_shortly(str(error))
        ) from error


def _has_layers_of_hub(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return b'"keras_hub' in archive.read("config.json")
    except (OSError, KeyError, RuntimeError, zipfile.BadZipFile, NotImplementedError):
        return False


def _shortly(message: str) -> str:
    """The cause, without the whole configuration that Keras prints around it."""
    cause = message.rpartition("Exception encountered: ")[2].strip()
    for begins in ("Full object config:", "\n\nconfig=", "config={"):
        cause = cause.partition(begins)[0]
    return cause.strip()[:_MOST_LETTERS]
