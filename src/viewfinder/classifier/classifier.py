"""The `Classifier`: the only way from a picture to probabilities."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.classifier.files import MODEL, fingerprint
from viewfinder.classifier.networks import load_keras
from viewfinder.classifier.prediction import Prediction, PredictOptions, Rule
from viewfinder.classifier.sets import PredictionSets, read_sets
from viewfinder.core.errors import RejectedPicture, UsageError
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.core.progress import Progress
from viewfinder.pictures.codecs.types import Limits
from viewfinder.pictures.given import Picture, is_open, name_of, several, source_of
from viewfinder.pictures.prepare import prepare
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.runtime.onnx import BATCH, OnnxModel

if TYPE_CHECKING:
    import keras

_BATCH_OF_KERAS = 64
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
        folder: The run's folder, from which `model` is loaded; None without a run.
        notes: What was taken from elsewhere than the model's file, or added to it.
    """

    network: "keras.Model | OnnxModel"
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    folder: Path | None = None
    notes: tuple[str, ...] = ()

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
        if self.folder is None:
            raise UsageError(
                "A network in an ONNX file has no layers that Keras can call.",
                expected="a model of Keras, for its gradients, maps and further training",
            )
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
        answers: Any
        if isinstance(self.network, OnnxModel):
            starts = range(0, max(len(images), 1), BATCH)
            batches = [images[start : start + BATCH] for start in starts]
            workers = cores() if len(batches) > 1 else 0
            answers = np.concatenate(list(map_ahead(self.network, batches, workers=workers)))
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
        threshold: float | None = None,
        progress: Progress | None = None,
    ) -> list[Prediction]:
        """Predict the classes of pictures of any size, mode and orientation.

        Args:
            pictures: One picture or several: paths, encoded bytes, files opened for reading bytes
                (uploads too), images of Pillow, or arrays of pixels, uint8, of shape (height,
                width) or (height, width, channels).
            coverage: The coverage of prediction sets, which `viewfinder.evaluate` has fitted.
            threshold: The least confidence, 0 to 1, of a label; below it the label is "unknown".
            progress: Shows the prediction.

        Returns:
            A prediction per picture, in the given order; an unreadable picture has a `rejection`
            instead of a label.

        Raises:
            UsageError: One of `pictures` is none of these, or the threshold is no probability.
            RunError: The run has no prediction sets of this coverage.
        """
        given = list(several(pictures))
        predictions = self.stream(given, PredictOptions(coverage, threshold))
        return list((progress or Progress(0)).track(predictions, "Predicting", len(given)))

    def stream(
        self,
        pictures: Iterable[Picture],
        options: PredictOptions = PredictOptions(),  # noqa: B008  (frozen)
    ) -> Iterator[Prediction]:
        """Predict pictures one after another, any number of them in constant memory.

        Args:
            pictures: As for `predict`; read a few batches ahead of what is consumed.
            options: The prediction sets and the threshold.

        Returns:
            An iterator over the predictions, in the given order.

        Raises:
            RunError: The run has no prediction sets of this coverage.
        """
        rule = self.rule(options)
        named = ((name_of(one, index), _read(one)) for index, one in enumerate(pictures))
        # ONNX Runtime is fastest where each thread decodes a batch and runs it. Keras uses all
        # cores for a batch, and not every backend of it may be called by several threads.
        size, workers = (BATCH, cores()) if self.starts_at_once else (_BATCH_OF_KERAS, 1)
        batches = iter(lambda: list(islice(named, size)), [])
        predicted = map_ahead(lambda batch: self.answer(batch, rule), batches, workers=workers)
        return (prediction for batch in predicted for prediction in batch)

    def rule(self, options: PredictOptions) -> Rule:
        """Return what decides over predictions, read from the run's files.

        Raises:
            RunError: The run has no prediction sets of this coverage.
        """
        sets = None if options.coverage is None else self._sets(options.coverage)
        return Rule(self.classes, options.threshold, sets)

    def answer(
        self,
        batch: Sequence[tuple[str, Picture | RejectedPicture]],
        rule: Rule,
        limits: Limits = Limits(),  # noqa: B008  (frozen)
    ) -> list[Prediction]:
        """Predict a batch of named pictures, which the network takes together.

        Args:
            batch: Names and pictures; a picture that could not be read is its rejection.
            rule: What decides over the predictions; see `rule`.
            limits: The limits on each picture.
        """
        prepared = [self._prepared(picture, limits) for _, picture in batch]
        images = [pixels for pixels in prepared if not isinstance(pixels, RejectedPicture)]
        rows = iter(self.probabilities(np.stack(images)) if images else ())
        return [
            rule.rejected(name, pixels)
            if isinstance(pixels, RejectedPicture)
            else rule.prediction(name, next(rows))
            for (name, _), pixels in zip(batch, prepared, strict=True)
        ]

    def _prepared(
        self, picture: Picture | RejectedPicture, limits: Limits
    ) -> NDArray[np.uint8] | RejectedPicture:
        if isinstance(picture, RejectedPicture):
            return picture
        try:
            return prepare(source_of(picture), self.preprocessing, limits=limits).pixels
        except RejectedPicture as rejection:
            return rejection

    def _sets(self, coverage: float) -> PredictionSets:
        if self.folder is None:
            raise UsageError(
                "Only the classifier of a run has prediction sets.",
                expected="viewfinder.load(RUN)",
            )
        path = self.folder / MODEL
        model = fingerprint(path) if path.is_file() else None
        return read_sets(self.folder, coverage, len(self.classes), model)


def _read(picture: Picture) -> Picture | RejectedPicture:
    """Return the bytes of an open file, read in the caller's thread, or any other picture."""
    try:
        return source_of(picture) if is_open(picture) else picture
    except RejectedPicture as rejection:
        return rejection
