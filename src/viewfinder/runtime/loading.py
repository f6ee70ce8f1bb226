"""Loading of saved models in safe mode, so that a file cannot run code or take all memory."""

import json
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viewfinder.core.errors import DataError
from viewfinder.runtime.backend import use_backend
from viewfinder.runtime.model_file import checked

if TYPE_CHECKING:
    import keras

INSTALL_HUB = "pip install 'viewfinder[hub]'"
_MOST_LETTERS = 300
# Seeds of dropout are variables and no weights.
_MOST_OTHER_PARAMETERS = 1 << 20


def load_model(path: Path) -> "keras.Model":
    """Load the model in a `.keras` file, without loss and optimizer.

    Before Keras makes an array, the network that the configuration describes is built without
    memory and compared with the weights that the file holds.

    Raises:
        DataError: The file is missing, damaged or unsafe, or cannot be loaded. For layers of a
            KerasHub that is not installed, the remedy is the command to install it.
    """
    config, header = checked(path)
    use_backend()
    import keras

    try:
        # Keras lists variables without values in a state of the thread, to make them later.
        with ThreadPoolExecutor(1) as apart:
            count = apart.submit(_parameters, config).result()
        if count > header.parameters + _MOST_OTHER_PARAMETERS:
            raise ValueError(
                f"a network of {count:,} parameters, and weights for {header.parameters:,}"
            )
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # for a damaged file, Keras may raise anything
        if find_spec("keras_hub") is None and '"keras_hub' in json.dumps(config):
            raise DataError(
                f"The model {path} has layers of KerasHub, which is not installed.",
                remedy=INSTALL_HUB,
            ) from error
        raise DataError(
            f"The model {path} cannot be loaded.", received=_shortly(str(error))
        ) from error


def _parameters(config: dict[str, Any]) -> int:
    """Count the parameters of the network that a configuration describes, without making them."""
    import keras

    copy = json.loads(json.dumps(config), object_hook=_uncompiled)  # Keras changes it
    with keras.StatelessScope(initialize_variables=False):
        network = keras.saving.deserialize_keras_object(copy, safe_mode=True)
    if not isinstance(network, keras.Model):
        raise TypeError(f"a {type(network).__name__}, not a model")
    return sum(prod(weight.shape) for weight in network.weights)


def _uncompiled(settings: dict[str, Any]) -> dict[str, Any]:
    """Leave out the optimizer, which would make variables at once."""
    return {key: value for key, value in settings.items() if key != "compile_config"}


def _shortly(message: str) -> str:
    """Return the cause, without the configuration that Keras prints around it."""
    cause = message.rpartition("Exception encountered: ")[2].strip()
    for begins in ("Full object config:", "\n\nconfig=", "config={"):
        cause = cause.partition(begins)[0]
    return cause.strip()[:_MOST_LETTERS]
