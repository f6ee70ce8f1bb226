"""The input and parameters of a model in a `.keras` file, without Keras and without its weights.

The file is an untrusted zip: its unpacked size, the links and number types of its weights
(`header`), and the size of its configuration are checked before Keras opens it.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

from viewfinder.core.errors import DataError
from viewfinder.core.files import open_regular
from viewfinder.runtime.header import (
    KERAS_WEIGHTS,
    Header,
    archive_of,
    looks_like,
    opened_weights,
)

_CONFIG = "config.json"
# InceptionResNetV2's takes 0.5 MB. Of empty lists, a megabyte becomes 25 in the memory.
_MOST_CONFIG = 4 << 20
# Weights hardly compress, and Keras does not compress them.
_MOST_TIMES_UNPACKED = 50

Shape = tuple[int | None, ...]


def input_of(path: Path) -> Shape | None:
    """Return the shape of a saved model's single input without the batch axis; None if unknown.

    Raises:
        DataError: The file is missing, damaged, or not one of Keras's.
    """
    config, _ = _opened(path)
    return _input_shape(config)


def checked(path: Path) -> tuple[dict[str, Any], Header]:
    """Return a saved model's configuration and the header of its weights, if the file is safe.

    Raises:
        DataError: The file is missing, damaged, unsafe, or not one of Keras's.
    """
    config, weights_bytes = _opened(path)
    with opened_weights(path, weights_bytes) as (_, header):
        return config, header


def parameters_of(path: Path) -> int:
    """Count a saved model's parameters; raises as :func:`checked`."""
    return checked(path)[1].parameters


def _opened(path: Path) -> tuple[dict[str, Any], int]:
    """Return the model's configuration, and the size of its weights in bytes."""
    try:
        with open_regular(path) as file:
            start = file.read(512)
    except OSError as error:
        raise DataError(
            f"There is no model file {path}.",
            received=error.strerror or str(error),
            remedy="give the path of a file that model.save('NAME.keras') wrote",
        ) from error
    try:
        with archive_of(path) as archive:
            for name, most in (
                (_CONFIG, _MOST_CONFIG),
                (KERAS_WEIGHTS, _MOST_TIMES_UNPACKED * path.stat().st_size),
            ):
                if archive.getinfo(name).file_size > most:
                    raise DataError(
                        f"{path} is not a safe model file.",
                        expected=f"{name} of {most / 1e6:,.0f} MB at most",
                        received=f"{archive.getinfo(name).file_size / 1e6:,.0f} MB",
                    )
            config = json.loads(archive.read(_CONFIG))
            if not isinstance(config, dict):
                raise ValueError(f"{_CONFIG} is a {type(config).__name__}")
            return config, archive.getinfo(KERAS_WEIGHTS).file_size
    except zipfile.BadZipFile as error:
        raise DataError(
            f"{path} is damaged, or not a model saved by Keras.",
            expected="a .keras file, as model.save('NAME.keras') writes it",
            received=str(error) if start.startswith(b"PK") else looks_like(start),
            remedy="for an older .h5 model, open it in Keras and save it as .keras",
        ) from error
    except (OSError, KeyError, ValueError, RuntimeError, NotImplementedError) as error:
        raise DataError(
            f"{path} is damaged, or not a model saved by Keras.",
            expected=f"a zip file with {_CONFIG} and {KERAS_WEIGHTS} in it",
            received=str(error).strip("'"),
            remedy="save it again",
        ) from error


def _input_shape(config: dict[str, Any]) -> Shape | None:
    """Return the shape of the single input from any of Keras's fields; None if there is none."""
    try:
        inner = config["config"]
        layers = inner.get("layers", ())
        inputs = [layer for layer in layers if layer["class_name"] == "InputLayer"]
        if len(inputs) == 1:
            given = inputs[0]["config"]
            batch = given.get("batch_shape") or given.get("batch_input_shape")
        else:
            batch = inner.get("build_input_shape") or config["build_config"]["input_shape"]
        shape = tuple(batch[1:])
    except (KeyError, TypeError, AttributeError):
        return None
    return shape if all(side is None or isinstance(side, int) for side in shape) else None
