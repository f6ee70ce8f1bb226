"""The `Classifier`: the only way from a picture to probabilities."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.classifier.bundle import Bundle
from viewfinder.classifier.files import FEATURES, MODEL, fingerprint
from viewfinder.classifier.networks import load_keras
from viewfinder.classifier.outliers import Outliers, outliers_in, read_outliers
from viewfinder.classifier.prediction import Prediction, PredictOptions, Rule
from viewfinder.classifier.sets import SETS, PredictionSets, fault_of, least_confidence
from viewfinder.classifier.settings import Settings, read_condition, read_settings
from viewfinder.core.errors import DataError, RejectedPicture, RunError, UsageError
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
# The error of an output near 0 or 1, and the outputs that a message names.
_ROUNDED, _SHOWN = 1e-6, 5
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
        bundle: The bundle that it was loaded from, or None.
        notes: What was taken from elsewhere than the model's file, or added to it.
        make_keras: Writes `best.keras` into the folder of a run that has only `model.onnx`.
    """

    network: "keras.Model | OnnxModel"
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    folder: Path | None = None
    bundle: Bundle | None = None
    notes: tuple[str, ...] = ()
    make_keras: Callable[[Path], None] | None = None

    @property
    def starts_at_once(self) -> bool:
        """Whether ONNX Runtime predicts, not Keras."""
        return isinstance(self.network, OnnxModel)

    @property
    def exports_features(self) -> bool:
        """Whether ONNX Runtime computes the features before the head, too."""
        return isinstance(self.network, OnnxModel) and FEATURES in self.network.further

    @cached_property
    def model(self) -> "keras.Model":
        """The model of Keras, loaded when it is first used.

        It is compiled with cross-entropy over integer labels, accuracy and Keras's default Adam,
        whatever trained it, so that `model.evaluate` gives the loss and accuracy of
        `metrics.json`.
        """
        if not isinstance(self.network, OnnxModel):
            return self.network
        if self.bundle is not None:
            with self.bundle.keras_file() as path:
                return load_keras(path, self.classes)
        if self.folder is None:
            raise UsageError(
                "A network in an ONNX file has no layers that Keras can call.",
                expected="a model of Keras, for its gradients, maps and further training",
            )
        return load_keras(self.folder / MODEL, self.classes, self.make_keras)

    @property
    def model_name(self) -> str | None:
        """The name of the run's model, by which other files refer to it; None if unknown."""
        if self.folder and (self.folder / MODEL).is_file():
            return fingerprint(self.folder / MODEL)
        return self.network.facts.get("model") if isinstance(self.network, OnnxModel) else None

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
            answers = np.concatenate(_in_threads(self.network, images))
        else:
            answers = self.network.predict_on_batch(images)
        return shares_of(answers)

    def with_features(
        self, images: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return the probabilities of prepared pictures, and the features before the head.

        The features are those of :func:`viewfinder.runtime.features.pooled_features`, float32,
        shape (n, d), from ONNX Runtime where the export has them, else from Keras.
        """
        network = self.network
        if isinstance(network, OnnxModel) and self.exports_features:
            parts = _in_threads(lambda batch: network.run(batch, FEATURES), images)
            answers, features = map(np.concatenate, zip(*parts, strict=True))
        else:
            answers, features = self._keras_features.predict_on_batch(images)
        return shares_of(answers), np.asarray(features, np.float32)

    @cached_property
    def _keras_features(self) -> "keras.Model":
        model = self.model  # chooses the backend
        import keras

        from viewfinder.runtime.features import pooled_features

        return keras.Model(model.inputs[0], [model.outputs[0], pooled_features(model)])

    @cached_property
    def outliers(self) -> Outliers | None:
        """The threshold of pictures unlike those of training; None where none was fitted.

        `viewfinder evaluate RUN --inside 0.95` fits it.

        Raises:
            RunError: It was fitted to another model, or one of its files is damaged.
        """
        if self.bundle is not None:
            return outliers_in(self.bundle)
        return None if self.folder is None else read_outliers(self.folder, self.model_name)

    @property
    def settings(self) -> Settings | None:
        """The temperature and the thresholds of classes; None where none were fitted to this model.

        Raises:
            RunError: The file is damaged.
        """
        if self.bundle is not None:
            return self.bundle.settings
        return None if self.folder is None else read_settings(self.folder, self.model_name)

    def predict(
        self,
        pictures: Iterable[Picture] | Picture,
        *,
        coverage: float | None = None,
        threshold: float | str | None = None,
        error: float | None = None,
        calibrated: bool = False,
        progress: Progress | None = None,
    ) -> list[Prediction]:
        """Predict the classes of pictures of any size, mode and orientation.

        Args:
            pictures: One picture or several: paths, encoded bytes, files opened for reading bytes
                (uploads too), images of Pillow, or arrays of pixels, uint8, of shape (height,
                width) or (height, width, channels).
            coverage: The coverage of prediction sets, which `viewfinder.evaluate` has fitted.
            threshold: The least confidence, 0 to 1, of a label; below it the label is "unknown". Or
                a condition, such as "precision >= 0.99 for cats", which `viewfinder.evaluate` has
                fitted: the label is cats from its threshold on, and never below.
            error: The largest share of wrong labels, such as 0.05: the label is "unknown" below
                the threshold that `viewfinder.evaluate` with `coverage=1 - error` has fitted.
            calibrated: Whether probabilities are those at the temperature that the validation
                pictures chose.
            progress: Shows the prediction.

        Returns:
            A prediction per picture, in the given order; an unreadable picture has a `rejection`
            instead of a label.

        Raises:
            UsageError: One of `pictures` is none of these, or the threshold is no probability.
            DataError: The network's outputs are not probabilities, such as NaN.
            RunError: The run has no prediction sets of this coverage, no such threshold, or no
                temperature.
        """
        given = list(several(pictures))
        predictions = self.stream(given, PredictOptions(coverage, threshold, error, calibrated))
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
        in_threads = self.starts_at_once and (rule.outliers is None or self.exports_features)
        size, workers = (BATCH, cores()) if in_threads else (_BATCH_OF_KERAS, 1)
        batches = iter(lambda: list(islice(named, size)), [])
        predicted = map_ahead(lambda batch: self.answer(batch, rule), batches, workers=workers)
        return (prediction for batch in predicted for prediction in batch)

    def rule(self, options: PredictOptions) -> Rule:
        """Return what decides over predictions, read from the run's files.

        Raises:
            RunError: The run has no prediction sets of this coverage, no threshold for this error
                or condition, no temperature, or an outlier threshold of another model.
            UsageError: The text of the threshold is not a condition.
        """
        sets = None if options.coverage is None else self._sets(options.coverage)
        answered = None
        if options.error is not None:
            answered = least_confidence(self._sets(1 - options.error))
        least, condition = options.threshold, None
        needs_settings = isinstance(least, str) or options.calibrated
        settings = self.settings if needs_settings else None
        if isinstance(least, str):
            wanted = read_condition(least, self.classes)
            condition = settings.of(wanted) if settings else None
            if condition is None:
                raise self._not_fitted(f"threshold for {wanted}", f" --threshold '{wanted}'")
            least = None
        temperature = None
        if options.calibrated:
            temperature = settings.temperature if settings else None
            if temperature is None:
                raise self._not_fitted("temperature", "")
        return Rule(self.classes, least, sets, self.outliers, answered, condition, temperature)

    def _not_fitted(self, what: str, words: str, received: str | None = None) -> RunError:
        name = self.bundle.path if self.bundle else self.folder
        again = "; then bundle the run again" if self.bundle else ""
        run = "RUN" if self.bundle or not self.folder else shlex.quote(str(self.folder))
        return RunError(
            f"{name or 'This model'} has no {what}.",
            expected="a run with validation pictures, which choose it",
            received=received,
            remedy=f"viewfinder evaluate {run}{words}{again}",
        )

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
        rows = iter(self._scored(np.stack(images), rule) if images else ())
        return [
            rule.rejected(name, pixels)
            if isinstance(pixels, RejectedPicture)
            else rule.prediction(name, *next(rows))
            for (name, _), pixels in zip(batch, prepared, strict=True)
        ]

    def _scored(
        self, images: NDArray[np.uint8], rule: Rule
    ) -> Iterable[tuple[NDArray[np.float64], float | None]]:
        """Return the probabilities of each picture and, for an outlier threshold, its score."""
        if rule.outliers is None:
            return [(row, None) for row in self.probabilities(images)]
        shares, features = self.with_features(images)
        return zip(shares, rule.outliers.scores(features).tolist(), strict=True)

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
        found = None
        if self.bundle is not None:
            if SETS in self.bundle.files:
                found = self.bundle.parse(PredictionSets, SETS)
        elif self.folder is None:
            raise UsageError(
                "Only the classifier of a run has prediction sets.",
                expected="viewfinder.load(RUN)",
            )
        elif (self.folder / SETS).is_file():
            found = PredictionSets.read(self.folder / SETS)
        model = None if self.bundle else self.model_name
        fault = fault_of(found, coverage, len(self.classes), model)
        if found is None or fault:
            what = f"prediction sets for a coverage of {coverage:g}"
            raise self._not_fitted(what, f" --coverage {coverage:g}", fault)
        return found


def _in_threads(function: Callable[[Any], Any], images: NDArray[np.uint8]) -> list[Any]:
    """Return the results for batches of the size that ONNX Runtime is fastest with."""
    starts = range(0, max(len(images), 1), BATCH)
    batches = [images[start : start + BATCH] for start in starts]
    return list(map_ahead(function, batches, workers=cores() if len(batches) > 1 else 0))


def shares_of(answers: Any) -> NDArray[np.float64]:
    """Return the classes' probabilities, of a network's outputs: one sigmoid or a softmax.

    Raises:
        DataError: A row is not finite, has a number below 0, or has no sum.
    """
    outputs = np.asarray(answers, np.float64)
    if outputs.shape[1] == 1:
        shares = np.hstack([1 - outputs, outputs])
    else:
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = np.asarray(outputs / outputs.sum(axis=1, keepdims=True))
    broken = ~(np.isfinite(shares) & (shares >= -_ROUNDED)).all(axis=1)
    if broken.any():
        raise DataError(
            "The network's outputs are not probabilities.",
            expected="finite numbers of 0 or more, not all of them 0; one alone at most 1",
            received=f"{outputs[broken][0][:_SHOWN].tolist()} for a picture",
            remedy="check how its pixels were scaled; a training that diverged gives NaN",
        )
    return shares


def _read(picture: Picture) -> Picture | RejectedPicture:
    """Return the bytes of an open file, read in the caller's thread, or any other picture."""
    try:
        return source_of(picture) if is_open(picture) else picture
    except RejectedPicture as rejection:
        return rejection
