"""Loading of saved models in safe mode, so that a file cannot run code or take all memory.

The format is recognised by content: the zip of Keras 3 (`.keras`), or HDF5 of Keras 1 and 2.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viewfinder.core.errors import DataError
from viewfinder.runtime import hdf5_model
from viewfinder.runtime.backend import use_backend
from viewfinder.runtime.header import is_hdf5
from viewfinder.runtime.model_file import checked

if TYPE_CHECKING:
    import keras

INSTALL_HUB = "pip install 'viewfinder[hub]'"
_MOST_LETTERS = 300
# Seeds of dropout are variables and no weights.
_MOST_OTHER_PARAMETERS = 1 << 20
# NASNetLarge has 1,039. Keras builds a sequence anew for each of its layers.
_MOST_LAYERS, _MOST_IN_SEQUENCE = 2_000, 200
# Of one picture, computed by one layer: 1 GB in float32.
_MOST_NUMBERS = 1 << 28


# Layers of Keras that run code from the file, or from another file that it names.
_CARRY_CODE = frozenset(
    {"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
)


def load_model(path: Path) -> "keras.Model":
    """Load the model in a `.keras` or `.h5` file, without loss and optimizer.

    Before Keras makes an array, the network that the configuration describes is built without
    memory and compared with the weights that the file holds.

    Raises:
        DataError: The file is missing, damaged or unsafe, or cannot be loaded. For layers of a
            KerasHub that is not installed, the remedy is the command to install it.
    """
    is_old = is_hdf5(path)
    config, header = hdf5_model.read_config(path) if is_old else checked(path)
    _refuse_unsafe(path, config)
    use_backend()
    import keras

    def build() -> Any:
        if is_old:
            return hdf5_model.built(config)
        copy = json.loads(json.dumps(config), object_hook=_uncompiled)  # Keras changes it
        return keras.saving.deserialize_keras_object(copy, safe_mode=True)

    try:
        # Keras lists variables without values in a state of the thread, to make them later.
        with ThreadPoolExecutor(1) as apart:
            apart.submit(_require_small, build, header.parameters).result()
        if not is_old:
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        model = build()
        hdf5_model.assign_weights(model, path)
        return model
    except Exception as error:  # for a damaged file, Keras may raise anything
        if find_spec("keras_hub") is None and '"keras_hub' in json.dumps(config):
            raise DataError(
                f"The model {path} has layers of KerasHub, which is not installed.",
                remedy=INSTALL_HUB,
            ) from error
        raise DataError(
            f"The model {path} cannot be loaded.", received=_shortly(str(error))
        ) from error


def _refuse_unsafe(path: Path, config: dict[str, Any]) -> None:
    """Refuse a configuration with layers that carry code, or with too many layers to build."""
    count = 0
    for part in _parts(config):
        name, inner = str(part.get("class_name")), part.get("config")
        layers = inner.get("layers") if isinstance(inner, dict) else inner
        if isinstance(layers, list):
            count += len(layers)
            if name == "Sequential" and len(layers) > _MOST_IN_SEQUENCE:
                raise _too_many(path, f"{_MOST_IN_SEQUENCE} layers in a sequence", len(layers))
        if name in _CARRY_CODE:
            raise DataError(
                f"The model {path} cannot be loaded: it carries code, which would run here.",
                expected="layers of Keras that only compute",
                received=f"a layer of the class {name}",
                remedy="replace the layer in the program that built the model, for example by "
                "Rescaling, and save the model again",
            )
    if count > _MOST_LAYERS:
        raise _too_many(path, f"{_MOST_LAYERS:,} layers", count)


def _too_many(path: Path, most: str, count: int) -> DataError:
    return DataError(
        f"The model {path} cannot be loaded.", expected=f"at most {most}", received=f"{count:,}"
    )


def _parts(config: Any) -> Iterator[dict[str, Any]]:
    """Yield each dictionary in a configuration."""
    parts = [config]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            yield part
            parts += part.values()
        elif isinstance(part, list):
            parts += part


def _require_small(build: Callable[[], Any], stored: int) -> None:
    """Build a network without values, and refuse one that is too large for its stored weights."""
    import keras

    with keras.StatelessScope(initialize_variables=False):
        network = build()
    if not isinstance(network, keras.Model):
        raise TypeError(f"a {type(network).__name__}, not a model")
    count = sum(prod(weight.shape) for weight in network.weights)
    if count > stored + _MOST_OTHER_PARAMETERS:
        raise ValueError(f"a network of {count:,} parameters, and weights for {stored:,}")
    for layer in network._flatten_layers(include_self=False):
        for tensor in keras.tree.flatten(getattr(layer, "output", ())):
            if (size := prod(side or 1 for side in tensor.shape)) > _MOST_NUMBERS:
                raise ValueError(f"{layer.name} computes {size:,} numbers for one picture")


def _uncompiled(settings: dict[str, Any]) -> dict[str, Any]:
    """Leave out the optimizer, which would make variables at once."""
    return {key: value for key, value in settings.items() if key != "compile_config"}


def _shortly(message: str) -> str:
    """Return the cause, without the configuration that Keras prints around it."""
    cause = message.rpartition("Exception encountered: ")[2].strip()
    for begins in ("Full object config:", "\n\nconfig=", "config={"):
        cause = cause.partition(begins)[0]
    return cause.strip()[:_MOST_LETTERS]
