"""What a `.keras` file says of its model, told without Keras and without reading a weight.

The file comes from outside. It is a zip; what it would unpack to, the links and kinds of numbers in
its weights (`header`), and its configuration's size are looked at before Keras may open it.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

from viewfinder.bases.base import Takes
from viewfinder.bases.header import KERAS_WEIGHTS, looks_like, opened_weights
from viewfinder.core.errors import DataError

_CONFIG = "config.json"
# InceptionResNetV2's takes 0.5 MB.
_MOST_CONFIG = 32 << 20
# Weights are hardly compressible; Keras does not compress them at all.
_MOST_TIMES_UNPACKED = 50

Shape = tuple[int | None, ...]


def input_of(path: Path) -> Shape | None:
    """The shape of a saved model's one input, without the batch's axis; None where it is not said.

    Raises:
        DataError: There is no such file, or it is none of Keras's, or damaged.
    """
    config, _ = _opened(path)
    return _input_shape(config)


def parameters_of(path: Path) -> int:
    """How many numbers a saved model's weights are, once the file was found harmless.

    Raises:
        DataError: There is no such file, or it is none of Keras's, damaged, or not to be trusted.
    """
    _, weights_bytes = _opened(path)
    with opened_weights(path, weights_bytes) as (_, header):
        return header.parameters


def pictures_of(shape: Shape | None, place: Path) -> Takes:
    """The pictures that a model of this input shape takes.

    Raises:
        DataError: It takes none.
    """
    if shape is None:
        return Takes(None, "rgb")
    if len(shape) != 3 or shape[2] not in (None, 1, 3):
        raise DataError(
            f"The model in {place} takes no pictures.",
            expected="an input of (height, width, channels), with 1 or 3 channels last",
            received=f"an input of {_in_words(shape)}",
            remedy="put layers in front that make such an input of pixels from 0 to 255, such as "
            "keras.layers.Rescaling and Flatten, and save the whole",
        )
    height, width, channels = shape
    size = (height, width) if height and width else None
    return Takes(size, "gray" if channels == 1 else "rgb", is_fixed=size is not None)


def _opened(path: Path) -> tuple[dict[str, Any], int]:
    """The model's configuration, and how many bytes its weights take."""
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise DataError(
            f"There is no model file {path}.",
            received=error.strerror or str(error),
            remedy="the path of a file that model.save('NAME.keras') has written",
        ) from error
    try:
        with zipfile.ZipFile(path) as archive:
            for name, most in (
                (_CONFIG, _MOST_CONFIG),
                (KERAS_WEIGHTS, _MOST_TIMES_UNPACKED * path.stat().st_size),
            ):
                if archive.getinfo(name).file_size > most:
                    raise DataError(
                        f"{path} is not a model that can be trusted.",
                        expected=f"{name} of {most / 1e6:,.0f} MB at most",
                        received=f"{archive.getinfo(name).file_size / 1e6:,.0f} MB",
                    )
            config = json.loads(archive.read(_CONFIG))
            if not isinstance(config, dict):
                raise ValueError(f"{_CONFIG} is a {type(config).__name__}")
            return config, archive.getinfo(KERAS_WEIGHTS).file_size
    except zipfile.BadZipFile as error:
        raise DataError(
            f"{path} is no model that Keras has saved, or a damaged one.",
            expected="a .keras file, as model.save('NAME.keras') writes it",
            received=str(error) if start.startswith(b"PK") else looks_like(start),
            remedy="an older .h5 model: open it in Keras and save it as .keras",
        ) from error
    except (OSError, KeyError, ValueError, RuntimeError, NotImplementedError) as error:
        raise DataError(
            f"{path} is no model that Keras has saved, or a damaged one.",
            expected=f"a zip file with {_CONFIG} and {KERAS_WEIGHTS} in it",
            received=str(error).strip("'"),
            remedy="save it again",
        ) from error


def _input_shape(config: dict[str, Any]) -> Shape | None:
    """The shape of the one input, wherever Keras has written it; None where it has not."""
    try:
        inner = config["config"]
        inputs = [one for one in inner.get("layers", ()) if one["class_name"] == "InputLayer"]
        if len(inputs) == 1:
            given = inputs[0]["config"]
            batch = given.get("batch_shape") or given.get("batch_input_shape")
        else:
            batch = inner.get("build_input_shape") or config["build_config"]["input_shape"]
        shape = tuple(batch[1:])
    except (KeyError, TypeError, AttributeError):
        return None
    return shape if all(side is None or isinstance(side, int) for side in shape) else None


def _in_words(shape: Shape) -> str:
    if len(shape) == 1:
        return f"rows of {shape[0]} numbers"
    return " × ".join("any" if side is None else str(side) for side in shape)
