"""The `Classifier`: a model, its labels and its preprocessing; it answers for any picture."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import DataError, Reason, RejectedPicture, RunError
from viewfinder.core.files import write_json
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.core.progress import Progress
from viewfinder.pictures.prepare import prepare
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.runtime.loading import load_model

if TYPE_CHECKING:
    import keras

# What a picture may be given as: a path, encoded bytes, or pixels (uint8, height × width × C).
Picture = str | Path | bytes | NDArray[np.uint8]

# Where several ways of training were tried in one folder: which was taken, and why.
CHOSEN = "auto.json"
_LABELS = "labels.json"
_MODEL = "best.keras"
_AT_ONCE = 64


@dataclass(frozen=True)
class Prediction:
    """The answer for one picture.

    Attributes:
        picture: Its path, or its number where it came as bytes or pixels.
        label: The most probable class; None where the picture was rejected.
        confidence: That class's probability, from 0 to 1; 0 where the picture was rejected.
        probabilities: Each class's probability, the most probable first.
        rejection: Why there is no answer, or None.
    """

    picture: str
    label: str | None
    confidence: float
    probabilities: dict[str, float]
    rejection: str | None = None

    def to_json(self, top: int | None = None) -> dict[str, Any]:
        """The prediction as `--json` prints it; `top` keeps the most probable classes only."""
        return {
            "picture": self.picture,
            "label": self.label,
            "confidence": self.confidence,
            "probabilities": dict(islice(self.probabilities.items(), top)),
            "rejection": self.rejection,
        }


@dataclass(frozen=True)
class Classifier:
    """A trained model with all that an answer needs.

    Attributes:
        model: Takes pixels from 0 to 255, gives one sigmoid or a softmax.
        classes: The classes' names, in the order of the model's outputs.
        preprocessing: The way of a picture into the model, the same as in training.
    """

    model: "keras.Model"
    classes: tuple[str, ...]
    preprocessing: Preprocessing

    def save_labels(self, folder: Path) -> None:
        """Write all but the model itself: classes and preprocessing."""
        write_json(
            folder / _LABELS,
            {
                "schema": 1,
                "classes": list(self.classes),
                "preprocessing": self.preprocessing.model_dump(mode="json"),
            },
        )

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The classes' probabilities for prepared pictures.

        Args:
            images: uint8, shape (n, height, width, channels), as `preprocessing` makes them.

        Returns:
            float64, shape (n, classes); every row sums to 1.
        """
        outputs = np.asarray(self.model.predict_on_batch(images), np.float64)
        if outputs.shape[1] == 1:
            return np.hstack([1 - outputs, outputs])
        shares: NDArray[np.float64] = outputs / outputs.sum(axis=1, keepdims=True)
        return shares

    def predict(
        self, pictures: Iterable[Picture] | Picture, *, progress: Progress | None = None
    ) -> list[Prediction]:
        """Answer for pictures of any size, mode and orientation.

        Args:
            pictures: Paths of files, encoded bytes, or pixels; one of them or several.
            progress: Shows how far it is.

        Returns:
            A prediction for each picture, in the order given; one that cannot be read has a
            `rejection` in place of a label.
        """
        if isinstance(pictures, str | Path | bytes | np.ndarray):
            pictures = [pictures]
        given = list(pictures)
        names = [
            str(one) if isinstance(one, str | Path) else f"#{number}"
            for number, one in enumerate(given)
        ]
        prepared = map_ahead(self._prepared, given, workers=cores(), ahead=2 * _AT_ONCE)
        answers = self._answers(zip(names, prepared, strict=True))
        return list((progress or Progress(0)).track(answers, "Predicting", len(given)))

    def _prepared(self, picture: Picture) -> NDArray[np.uint8] | RejectedPicture:
        try:
            source = _read(picture) if isinstance(picture, str | Path) else picture
            return prepare(source, self.preprocessing).pixels
        except RejectedPicture as rejection:
            return rejection

    def _answers(
        self, prepared: Iterator[tuple[str, NDArray[np.uint8] | RejectedPicture]]
    ) -> Iterator[Prediction]:
        while block := list(islice(prepared, _AT_ONCE)):
            images = [pixels for _, pixels in block if not isinstance(pixels, RejectedPicture)]
            rows = iter(self.probabilities(np.stack(images)) if images else ())
            for name, pixels in block:
                if isinstance(pixels, RejectedPicture):
                    yield Prediction(name, None, 0.0, {}, f"{pixels.reason}: {pixels.detail}")
                else:
                    yield self._answer(name, next(rows))

    def _answer(self, name: str, row: NDArray[np.float64]) -> Prediction:
        order = np.argsort(-row, kind="stable")
        probabilities = {self.classes[index]: float(row[index]) for index in order}
        return Prediction(name, self.classes[order[0]], float(row[order[0]]), probabilities)


def load(folder: str | Path) -> Classifier:
    """The classifier in a run's folder.

    Raises:
        RunError: The folder is no run, or a file of it is missing or damaged.
    """
    folder = run_folder(folder)
    classes, preprocessing = read_labels(folder)
    model = _load_model(folder / _MODEL)
    outputs = model.output_shape[-1]
    if outputs != (1 if len(classes) == 2 else len(classes)):
        raise RunError(
            f"The model in {folder} does not fit its {_LABELS}.",
            expected=f"an output for each of {len(classes)} classes (one in all for two)",
            received=f"{outputs} outputs",
        )
    return Classifier(model, classes, preprocessing)


def run_folder(folder: str | Path) -> Path:
    """The folder itself, or that of the run in it that was taken among several.

    Raises:
        RunError: The record of what was taken is damaged.
    """
    folder = Path(folder)
    try:
        chosen = json.loads((folder / CHOSEN).read_text(encoding="utf-8"))["chosen"]
        return folder / Path(chosen).name if chosen else folder
    except (FileNotFoundError, NotADirectoryError):
        return folder
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{folder / CHOSEN} is damaged.", received=str(error)) from error


def read_labels(folder: Path) -> tuple[tuple[str, ...], Preprocessing]:
    """The classes in the order of the model's outputs, and the preprocessing; opens no model.

    Raises:
        RunError: The file is missing or damaged.
    """
    try:
        labels = json.loads((folder / _LABELS).read_text(encoding="utf-8"))
        classes = tuple(labels["classes"])
        return classes, Preprocessing.model_validate(labels["preprocessing"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{folder} is not a run that can predict.",
            expected=f"a folder with {_MODEL} and {_LABELS}, as `viewfinder train` writes",
            received=f"{_LABELS}: {error}",
        ) from error


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise RejectedPicture(Reason.MISSING, error.strerror or str(error)) from error


def _load_model(path: Path) -> "keras.Model":
    if not path.exists():
        raise RunError(f"The model {path} is missing.")
    try:
        return load_model(path)
    except DataError as error:
        raise RunError(error.fact, received=error.received, remedy=error.remedy) from error
