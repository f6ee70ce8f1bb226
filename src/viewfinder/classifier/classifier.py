"""The `Classifier`: the only way from a picture to probabilities."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.classifier.files import MODEL, fingerprint
from viewfinder.classifier.networks import load_keras
from viewfinder.classifier.prediction import Prediction
from viewfinder.classifier.sets import PredictionSets, read_sets
from viewfinder.core.errors import RejectedPicture, UsageError
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.core.progress import Progress
from viewfinder.pictures.given import Picture, is_open, name_of, several, source_of
from viewfinder.pictures.prepare import prepare
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.runtime.onnx import OnnxModel

if TYPE_CHECKING:
    import keras

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
        return load_keras(self.folder / MODEL, self.classes)

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
        path = self.folder / MODEL
        model = fingerprint(path) if path.is_file() else None
        return read_sets(self.folder, coverage, len(self.classes), model)


def _read(file: Picture) -> Picture | RejectedPicture:
    """Return the bytes of an open file, read in the caller's thread."""
    try:
        return source_of(file)
    except RejectedPicture as rejection:
        return rejection
