"""Loading of saved models in safe mode, so that a file cannot run code."""

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
    """Load the model in a `.keras` file, without loss and optimizer.

    Raises:
        DataError: The file cannot be loaded. For layers of a KerasHub that is not installed, the
            remedy is the command to install it.
    """
    use_backend()
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # for a damaged file, Keras may raise anything
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
    """Return the cause, without the configuration that Keras prints around it."""
    cause = message.rpartition("Exception encountered: ")[2].strip()
    for begins in ("Full object config:", "\n\nconfig=", "config={"):
        cause = cause.partition(begins)[0]
    return cause.strip()[:_MOST_LETTERS]
