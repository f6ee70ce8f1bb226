"""Opening what can predict."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from viewfinder.classifier.bundle import is_bundle, read_bundle, unsound
from viewfinder.classifier.classifier import Classifier
from viewfinder.classifier.files import EXPORT, LABELS, MODEL, Labels, read_labels, run_folder
from viewfinder.classifier.foreign import is_teachable, open_foreign
from viewfinder.classifier.networks import load_export, load_keras, require_fit
from viewfinder.core.errors import DataError, RunError, UsageError
from viewfinder.runtime.onnx import OnnxModel

# The endings of files that may be a model trained elsewhere; the content decides on the format.
_MODELS = (".keras", ".h5", ".hdf5", ".onnx")


def load(
    path: str | Path,
    *,
    class_names: Sequence[str] | str | Path | None = None,
    preprocessing: str | Path | None = None,
) -> Classifier:
    """Load what can predict: a run, a bundle, or a model that was trained elsewhere.

    Models of Keras (`.keras`, `.h5`) are built in safe mode: a layer that carries code is refused,
    and so is a pickle. An HDF5 file is opened where `path` names it, or the folder of Teachable
    Machine that it lies in, and never as a part of something else.

    Args:
        path: The folder of a run, a bundle, an ONNX file, a `.keras` file of Keras 3, an `.h5` file
            of Keras 1 to 3, or a folder of Teachable Machine (keras_model.h5 and labels.txt).
        class_names: The classes of a model trained elsewhere, in the order of its outputs: names,
            a text with commas between them, or a text file with one a line. By default those of
            `labels.txt` beside the model.
        preprocessing: The scaling of its pixels: "0-255", "0-1", "-1-1", "caffe" or "imagenet"; or
            the path of a `preprocessing.json` with `preprocessing`, as in the `labels.json` of a
            run, and `scaling`, one of these names. By default the file of this name beside the
            model; a model that begins with Rescaling or Normalization needs none.

    Returns:
        The classifier. What was taken from files beside the model or added to it is in `notes`.

    Raises:
        RunError: The folder is no run, or a file of it is missing or damaged; or a bundle is
            damaged, unsafe or of a later version.
        DataError: The model is damaged or unsafe, or takes no pictures.
        UsageError: The classes or the preprocessing are not known, or do not fit the model.
    """
    path = run_folder(path)
    if is_bundle(path):
        _refuse_facts(path, class_names, preprocessing)
        return _from_bundle(path)
    if is_foreign(path):
        return open_foreign(path, class_names, preprocessing)
    _refuse_facts(path, class_names, preprocessing)
    classes, facts = read_labels(path)
    network = load_export(path, classes, facts)
    if network is None:
        network = load_keras(path / MODEL, classes)
    return Classifier(network, classes, facts, path)


def _refuse_facts(path: Path, class_names: object, preprocessing: object) -> None:
    if class_names is not None or preprocessing is not None:
        raise UsageError(
            f"{path} states its classes and its preprocessing itself.",
            expected="`class_names` and `preprocessing` for a model that was trained elsewhere",
        )


def _from_bundle(path: Path) -> Classifier:
    bundle = read_bundle(path)
    labels = bundle.parse(Labels, LABELS)
    classes, preprocessing = tuple(labels.classes), labels.preprocessing
    files = dict(bundle.files)
    try:
        network = OnnxModel(files.pop(EXPORT, b""), is_proved=False)
        require_fit(path, network, classes, preprocessing)
        network.prove(preprocessing.shape)
    except RunError:
        raise
    except DataError as error:
        raise unsound(path, f"{EXPORT}: {error.received}") from error
    return Classifier(network, classes, preprocessing, bundle=replace(bundle, files=files))


def is_without_run(path: Path) -> bool:
    """Whether the path is that of a bundle, or of a model which was trained elsewhere."""
    return is_bundle(path) or is_foreign(path)


def is_foreign(path: Path) -> bool:
    """Whether the path is that of a model which was trained elsewhere, by its name."""
    is_model = path.suffix.lower() in _MODELS and os.path.isfile(path)  # noqa: PTH113 (names that are too long)
    return is_teachable(path) or (is_model and not (path.parent / LABELS).is_file())
