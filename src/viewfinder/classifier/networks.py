"""Loading the network of a run: its export for ONNX Runtime, or the model of Keras."""

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from viewfinder.classifier.files import EXPORT, LABELS, MODEL, fingerprint
from viewfinder.core.errors import DataError, RunError
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.runtime.loading import load_model
from viewfinder.runtime.onnx import OnnxModel

if TYPE_CHECKING:
    import keras


def load_export(
    folder: Path, classes: Sequence[str], preprocessing: Preprocessing
) -> OnnxModel | None:
    """Return the export of a run's model; None without one, or where the model is another one now.

    Raises:
        RunError: The export is damaged, or has another input or output.
    """
    path = folder / EXPORT
    if not path.is_file():
        return None
    try:
        network = OnnxModel(path)
    except DataError as error:
        raise RunError(
            f"{path} is damaged.",
            received=error.received,
            remedy=f"remove it: predictions then come from {MODEL}"
            if (folder / MODEL).is_file()
            else "train the run again",
        ) from error
    try:
        if network.facts.get("model") != fingerprint(folder / MODEL):
            return None
    except OSError:  # the export alone is enough
        pass
    except zipfile.BadZipFile:
        return None
    require_fit(path, network, classes, preprocessing)
    return network


def require_fit(
    path: Path, network: OnnxModel, classes: Sequence[str], preprocessing: Preprocessing
) -> None:
    """Raise `RunError` unless a network takes prepared pictures and has an output a class."""
    if network.input_shape != preprocessing.shape:
        raise RunError(
            f"The model in {path} does not fit its {LABELS}.",
            expected=f"an input of {preprocessing.shape}",
            received=f"{network.input_shape}",
        )
    _require_outputs(path, network.outputs, classes)


def _require_outputs(path: Path, outputs: int | None, classes: Sequence[str]) -> None:
    if outputs != (1 if len(classes) == 2 else len(classes)):
        raise RunError(
            f"The model {path} does not fit its {LABELS}.",
            expected=f"an output for each of {len(classes)} classes (a single one for two)",
            received=f"{outputs} outputs",
        )


def load_keras(
    path: Path, classes: Sequence[str], make: Callable[[Path], None] | None = None
) -> "keras.Model":
    """Return the model of a run, compiled.

    Args:
        path: The file.
        classes: The names of the classes.
        make: Writes the file into the folder of a run that has only `model.onnx`.

    Raises:
        RunError: The file is missing, damaged, or has another output.
    """
    if make and not path.exists() and (path.parent / EXPORT).is_file():
        make(path.parent)
    if not path.exists():
        raise RunError(
            f"The model {path} is missing.",
            expected="a run with at least one completed epoch",
            remedy=f"viewfinder train --resume {path.parent} resumes the training",
        )
    try:
        model = load_model(path)
    except DataError as error:
        raise RunError(error.fact, received=error.received, remedy=error.remedy) from error
    _require_outputs(path, model.output_shape[-1], classes)
    # The file itself has no loss and optimizer, so that it loads in any Keras.
    return compiled(model)


def compiled(model: "keras.Model") -> "keras.Model":
    """Compile a model for integer labels, so that `evaluate` and further training work."""
    is_binary = model.output_shape[-1] == 1
    loss = "binary_crossentropy" if is_binary else "sparse_categorical_crossentropy"
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    return model
