"""The `Classifier`: a model with its labels and preprocessing, which predicts any picture."""

import hashlib
import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from viewfinder.core.errors import DataError, RejectedPicture, RunError, UsageError
from viewfinder.core.files import write_json
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.core.progress import Progress
from viewfinder.core.records import RunRecord
from viewfinder.pictures.given import Picture, is_open, name_of, several, source_of
from viewfinder.pictures.prepare import prepare
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.prediction_sets import PredictionSets, read_sets
from viewfinder.runtime import onnx
from viewfinder.runtime.loading import load_model
from viewfinder.runtime.onnx import OnnxModel

if TYPE_CHECKING:
    import keras

# The file with the chosen candidate, in a folder of several runs.
CHOSEN = "auto.json"
_LABELS = "labels.json"
_MODEL = "best.keras"
# The same network for ONNX Runtime; its facts name the `best.keras` that it was made from.
EXPORT = "model.onnx"
_AT_ONCE = 64
# What a run has and a classifier has not.
_OF_RUNS = (
    "doctor",
    "evaluate",
    "report",
    "metrics",
    "history",
    "predictions",
    "recipe",
    "dataset",
)


class Choice(RunRecord):
    """What `auto.json` says of the candidate that its folder opens as."""

    chosen: Annotated[str, Field(pattern=r"^[\w-]+$")] | None


class Labels(RunRecord):
    """The content of `labels.json`."""

    classes: Annotated[list[str], Field(min_length=1)]
    preprocessing: Preprocessing

    @model_validator(mode="after")
    def _are_distinct(self) -> "Labels":
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("a class occurs twice")
        return self


@dataclass(frozen=True)
class Prediction:
    """The prediction for one picture.

    Attributes:
        picture: The path, or "#" and the index of a picture given as bytes or pixels.
        label: The most probable class; None for a rejected picture.
        confidence: The probability of this class, 0 to 1; 0 for a rejected picture.
        probabilities: The probability of each class, the most probable first.
        rejection: The reason for the rejection, or None.
        classes: The prediction set, the most probable class first: empty where no class fits, or
            for a rejected picture; None where no coverage was requested.
    """

    picture: str
    label: str | None
    confidence: float
    probabilities: dict[str, float]
    rejection: str | None = None
    classes: tuple[str, ...] | None = None

    def to_json(self, top: int | None = None) -> dict[str, Any]:
        """Return the record as `--json` prints it, with the `top` most probable classes."""
        return {
            "picture": self.picture,
            "label": self.label,
            "confidence": self.confidence,
            "probabilities": dict(islice(self.probabilities.items(), top)),
            "rejection": self.rejection,
            "set": None if self.classes is None else list(self.classes),
        }


@dataclass(frozen=True)
class Classifier:
    """A trained model with its classes and preprocessing.

    Attributes:
        network: Maps pixels from 0 to 255 to one sigmoid or a softmax: a model of Keras, or its
            export for ONNX Runtime, which starts at once.
        classes: The classes' names, in the order of the network's outputs.
        preprocessing: The preprocessing of the training.
        folder: The run's folder, from which `model` is loaded; None for a model in memory.
    """

    network: "keras.Model | OnnxModel"
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    folder: Path | None = None

    @property
    def starts_at_once(self) -> bool:
        """Whether ONNX Runtime predicts, not Keras."""
        return isinstance(self.network, OnnxModel)

    @cached_property
    def model(self) -> "keras.Model":
        """The model of Keras, loaded when it is first used.

        It is compiled with cross-entropy over integer labels, accuracy and Keras's default Adam,
        whatever trained it, so that `model.evaluate` gives the loss and accuracy of
        `metrics.json`.
        """
        if not isinstance(self.network, OnnxModel):
            return self.network
        assert self.folder is not None
        return _load_model(self.folder / _MODEL, self.classes)

    def __getattr__(self, name: str) -> Any:
        """Say where an attribute of a run is found."""
        hint = f"; viewfinder.open_run(FOLDER).{name} has it" if name in _OF_RUNS else ""
        raise AttributeError(f"a Classifier only predicts and has no {name!r}{hint}")

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the classes' probabilities for prepared pictures.

        Args:
            images: uint8, shape (n, height, width, channels), as prepared by `preprocessing`.

        Returns:
            float64, shape (n, classes); every row sums to 1.
        """
        if isinstance(self.network, OnnxModel):
            answers: Any = self.network(images)
        else:
            answers = self.network.predict_on_batch(images)
        outputs = np.asarray(answers, np.float64)
        if outputs.shape[1] == 1:
            return np.hstack([1 - outputs, outputs])
        shares: NDArray[np.float64] = outputs / outputs.sum(axis=1, keepdims=True)
        return shares

    def predict(
        self,
        pictures: Iterable[Picture] | Picture,
        *,
        coverage: float | None = None,
        progress: Progress | None = None,
    ) -> list[Prediction]:
        """Predict the classes of pictures of any size, mode and orientation.

        Args:
            pictures: One picture or several: paths, encoded bytes, files opened for reading bytes
                (uploads too), images of Pillow, or arrays of pixels, uint8, of shape (height,
                width) or (height, width, channels).
            coverage: The coverage of prediction sets, which `viewfinder.evaluate` has fitted.
            progress: Shows the prediction.

        Returns:
            A prediction per picture, in the given order; an unreadable picture has a `rejection`
            instead of a label.

        Raises:
            UsageError: One of `pictures` is none of these.
            RunError: The run has no prediction sets of this coverage.
        """
        sets = None if coverage is None else self._sets(coverage)
        given = list(several(pictures))
        names = [name_of(picture, index) for index, picture in enumerate(given)]
        read = (_read(picture) if is_open(picture) else picture for picture in given)
        prepared = map_ahead(self._prepared, read, workers=cores(), ahead=2 * _AT_ONCE)
        predictions = self._predictions(zip(names, prepared, strict=True), sets)
        return list((progress or Progress(0)).track(predictions, "Predicting", len(given)))

    def _prepared(self, picture: Picture | RejectedPicture) -> NDArray[np.uint8] | RejectedPicture:
        if isinstance(picture, RejectedPicture):
            return picture
        try:
            return prepare(source_of(picture), self.preprocessing).pixels
        except RejectedPicture as rejection:
            return rejection

    def _predictions(
        self,
        prepared: Iterator[tuple[str, NDArray[np.uint8] | RejectedPicture]],
        sets: PredictionSets | None,
    ) -> Iterator[Prediction]:
        while block := list(islice(prepared, _AT_ONCE)):
            images = [pixels for _, pixels in block if not isinstance(pixels, RejectedPicture)]
            rows = iter(self.probabilities(np.stack(images)) if images else ())
            for name, pixels in block:
                if isinstance(pixels, RejectedPicture):
                    none = None if sets is None else ()
                    why = f"{pixels.reason}: {pixels.detail}"
                    yield Prediction(name, None, 0.0, {}, why, none)
                else:
                    yield self._prediction(name, next(rows), sets)

    def _prediction(
        self, name: str, row: NDArray[np.float64], sets: PredictionSets | None
    ) -> Prediction:
        order = np.argsort(-row, kind="stable")
        probabilities = {self.classes[index]: float(row[index]) for index in order}
        inside = None
        if sets is not None:
            is_inside = sets.contains(row[None])[0]
            inside = tuple(self.classes[index] for index in order if is_inside[index])
        best = self.classes[order[0]]
        return Prediction(name, best, float(row[order[0]]), probabilities, classes=inside)

    def _sets(self, coverage: float) -> PredictionSets:
        if self.folder is None:
            raise UsageError(
                "Only the classifier of a run has prediction sets.",
                expected="viewfinder.load(RUN)",
            )
        path = self.folder / _MODEL
        model = fingerprint(path) if path.is_file() else None
        return read_sets(self.folder, coverage, len(self.classes), model)


def _read(file: Picture) -> Picture | RejectedPicture:
    """Return the bytes of an open file, read in the caller's thread."""
    try:
        return source_of(file)
    except RejectedPicture as rejection:
        return rejection


def load(folder: str | Path) -> Classifier:
    """Load the classifier of a run's folder.

    Raises:
        RunError: The folder is no run, or one of its files is missing or damaged.
    """
    folder = run_folder(folder)
    classes, preprocessing = read_labels(folder)
    network = _load_export(folder, classes, preprocessing)
    if network is None:
        network = _load_model(folder / _MODEL, classes)
    return Classifier(network, classes, preprocessing, folder)


def fingerprint(model: Path) -> str:
    """Return a hash of a `.keras` file from the checksums of its members, without reading them.

    Raises:
        OSError, zipfile.BadZipFile: There is no such file.
    """
    with zipfile.ZipFile(model) as archive:
        members = [(member.filename, member.CRC) for member in archive.infolist()]
    return hashlib.blake2b(repr(sorted(members)).encode(), digest_size=16).hexdigest()


def run_folder(folder: str | Path) -> Path:
    """Return the folder itself, or for a folder of candidates that of the chosen run.

    Raises:
        RunError: The record of the choice is damaged.
    """
    folder = Path(folder)
    if not os.path.isfile(folder / CHOSEN):  # noqa: PTH113 (False for names that are too long)
        return folder
    chosen = Choice.read(folder / CHOSEN).chosen
    return folder / chosen if chosen else folder


def write_labels(folder: Path, classes: Sequence[str], preprocessing: Preprocessing) -> None:
    """Write a classifier's classes and preprocessing, without the model."""
    write_json(
        folder / _LABELS,
        {
            "schema": 1,
            "classes": list(classes),
            "preprocessing": preprocessing.model_dump(mode="json"),
        },
    )


def read_labels(folder: Path) -> tuple[tuple[str, ...], Preprocessing]:
    """Return the classes in the order of the model's outputs, and the preprocessing.

    Raises:
        RunError: The file is missing or damaged.
    """
    if not (folder / _LABELS).is_file():
        is_in_run = folder.is_file() and (folder.parent / _LABELS).is_file()
        raise RunError(
            f"{folder} is not a run that can predict.",
            expected=f"a folder with {_MODEL} and {_LABELS}, written by `viewfinder train`",
            received=_described(folder),
            remedy=f"give its folder, {folder.parent}" if is_in_run else None,
        )
    labels = Labels.read(folder / _LABELS)
    return tuple(labels.classes), labels.preprocessing


def _described(folder: Path) -> str:
    if folder.is_dir():
        return f"a folder without {_LABELS}"
    return "a file" if folder.exists() else "no such folder"


def _load_export(
    folder: Path, classes: Sequence[str], preprocessing: Preprocessing
) -> OnnxModel | None:
    """Return the export of a run's model; None without one, or where the model is another one now.

    Raises:
        RunError: The export is damaged, or has another input or output.
    """
    path = folder / EXPORT
    if not path.is_file() or not onnx.is_installed():
        return None
    try:
        network = OnnxModel(path, threads=cores())
    except DataError as error:
        raise RunError(
            f"{path} is damaged.",
            received=error.received,
            remedy=f"remove it: predictions then come from {_MODEL}",
        ) from error
    try:
        if network.facts.get("model") != fingerprint(folder / _MODEL):
            return None
    except OSError:  # the export alone is enough
        pass
    except zipfile.BadZipFile:
        return None
    if network.input_shape != preprocessing.shape:
        raise RunError(
            f"The model in {path} does not fit its {_LABELS}.",
            expected=f"an input of {preprocessing.shape}",
            received=f"{network.input_shape}",
        )
    _require_outputs(path, network.outputs, classes)
    return network


def _require_outputs(path: Path, outputs: int | None, classes: Sequence[str]) -> None:
    if outputs != (1 if len(classes) == 2 else len(classes)):
        raise RunError(
            f"The model {path} does not fit its {_LABELS}.",
            expected=f"an output for each of {len(classes)} classes (a single one for two)",
            received=f"{outputs} outputs",
        )


def _load_model(path: Path, classes: Sequence[str]) -> "keras.Model":
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
    outputs = model.output_shape[-1]
    _require_outputs(path, outputs, classes)
    # The file itself has no loss and optimizer, so that it loads in any Keras.
    loss = "binary_crossentropy" if outputs == 1 else "sparse_categorical_crossentropy"
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    return model
