"""The operations on a written run: predict, evaluate, diagnose, report."""

import html
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.classifier import Classifier, Prediction
from viewfinder.classifier.files import EXPORT, FEATURES, MODEL, fingerprint, read_labels
from viewfinder.classifier.settings import SETTINGS, Condition, Settings, read_settings
from viewfinder.core.errors import (
    OutputError,
    RejectedPicture,
    RunError,
    UsageError,
    ViewfinderError,
)
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import SPLITS, Dataset
from viewfinder.data.store import open_store
from viewfinder.data.store.live import some_pixels
from viewfinder.evaluation.answers import answer
from viewfinder.evaluation.doctor import Diagnosis, diagnose
from viewfinder.evaluation.doctor.case import case_of
from viewfinder.evaluation.evaluate import score_split
from viewfinder.evaluation.thresholds import fit_settings
from viewfinder.models.opening import load
from viewfinder.pictures.given import Picture
from viewfinder.pictures.prepare import before_resizing
from viewfinder.run.int8 import write_int8
from viewfinder.run_folder import RunFolder, best_epoch
from viewfinder.run_folder.files import UnitsOfLayer
from viewfinder.runtime.devices import has_accelerator, may_have_accelerator
from viewfinder.runtime.onnx import OnnxModel
from viewfinder.runtime.quantizing import Agreement
from viewfinder.split.leaks import known_leaks

if TYPE_CHECKING:
    import keras

    from viewfinder.pages.report import Further

# The largest difference of an exported probability from the model's, and the number of pictures on
# which both are compared.
_MOST_DIFFERENCE, _COMPARED = 1e-4, 8


def open_run(folder: str | Path) -> "Run":
    """Open the folder of a training: its metrics, predictions, diagnosis, report and model.

    Raises:
        RunError: The folder holds no run.
    """
    return Run.open(folder)


@dataclass(frozen=True)
class Run(RunFolder):
    """The folder of one training.

    Args:
        folder: A folder written by `viewfinder train`.
    """

    def __repr__(self) -> str:
        return f"<Run {self}: {self._result}>"

    def _repr_html_(self) -> str:
        found = html.escape(repr(self)[1:-1])
        if not self.is_evaluated:
            return f"<p>{found}</p>"
        try:
            scored = [(name, scores) for name in SPLITS if (scores := self.metrics.get(name))]
        except RunError:
            return f"<p>{found}</p>"
        rows = [
            [one["count"], one["accuracy"], *one["accuracy_interval"], one["loss"], one["macro_f1"]]
            for _, one in scored
        ]
        columns = ["pictures", "accuracy", "from", "to", "loss", "macro F1"]
        index = pd.Index([name for name, _ in scored], name="split")
        return f"<p>{found}</p>{pd.DataFrame(rows, index, columns).to_html()}"

    @property
    def _result(self) -> str:
        """The result in a few words, whatever state the folder is in."""
        if not self.is_evaluated:
            return "not evaluated"
        try:
            metrics = self.metrics
        except RunError:
            return "damaged metrics.json"
        found = [name for name in ("test", "validation", "train") if metrics.get(name)]
        if not found:
            return "no split evaluated"
        scores = metrics[found[0]]
        low, high = scores["accuracy_interval"]
        of = f"{scores['count']:,} {found[0]} pictures"
        return f"accuracy {scores['accuracy']:.3f} ({low:.3f} to {high:.3f}) on {of}"

    @cached_property
    def classifier(self) -> Classifier:
        """The best model with its labels and preprocessing."""
        return load(self.folder)

    @property
    def model(self) -> "keras.Model":
        """The best model, a plain `keras.Model`."""
        return self.classifier.model

    def export(
        self, model: "keras.Model | None" = None, *, progress: Progress | None = None
    ) -> None:
        """Write `model.onnx`, from which predictions come without Keras, and `model.txt`.

        It computes the probabilities, and as `features` what
        :func:`viewfinder.runtime.features.pooled_features` returns. Both are compared with those of
        the model on noise and on some of the run's pictures. Where the file cannot be written,
        predictions come from Keras.

        Args:
            model: The best model, if in memory; None to load it.
            progress: Reports why there is no export.

        Raises:
            RunError: The run has no model, or it is damaged.
            OutputError: The file cannot be written.
        """
        from viewfinder.runtime.export import export_onnx
        from viewfinder.runtime.features import pooled_features

        model = load(self.folder).model if model is None else model
        by_keras = Classifier(model, *read_labels(self.folder))
        facts = {"model": fingerprint(self.folder / "best.keras")}
        try:
            export_onnx(
                by_keras.model,
                self.folder / EXPORT,
                samples=some_pixels(self.dataset, by_keras.preprocessing, _COMPARED),
                tolerance=_MOST_DIFFERENCE,
                facts=facts,
                further={FEATURES: pooled_features(by_keras.model)},
            )
        except OutputError:
            raise
        except UsageError as error:
            (progress or Progress(0)).say(
                f"Predictions will need Keras: {error.fact}", style="yellow"
            )
        else:
            if self.recipe.int8:
                agreement = write_int8(self.folder / EXPORT, by_keras, self.dataset)
                (progress or Progress(0)).say(agreement.in_words())
        exported = load(self.folder)
        self.write_model_summary(_summary(by_keras.model, exported))
        vars(exported)["model"] = by_keras.model  # instead of loading it again
        keeps_keras = not self.recipe.int8 and may_have_accelerator() and has_accelerator()
        vars(self)["classifier"] = by_keras if keeps_keras else exported

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
        """Predict the classes of any pictures; see :meth:`Classifier.predict`."""
        return self.classifier.predict(
            pictures,
            coverage=coverage,
            threshold=threshold,
            error=error,
            calibrated=calibrated,
            progress=progress,
        )

    def evaluate(
        self,
        splits: Iterable[str] = SPLITS,
        *,
        store_budget: int | None = None,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Evaluate the best model on each split, and write `metrics.json` and the predictions.

        Pictures are prepared as for `predict`, without augmentation. Those that are missing or have
        changed since the training are counted on stderr.

        Args:
            splits: The splits.
            store_budget: The largest size of the stored pixels in bytes; see
                :func:`viewfinder.data.store.open_store`.
            progress: Shows the evaluation.

        Returns:
            The content of `metrics.json`.

        Raises:
            DataError: The data has moved.
            RunError: The run has none of these splits, or no picture can be read.
        """
        progress = progress or Progress(0)
        dataset = self.dataset
        preprocessing = self.classifier.preprocessing
        store = open_store(dataset, preprocessing, budget=store_budget, progress=progress)
        described = store.describe(dataset)
        _report_changes(dataset, described, progress)
        dataset = described.readable
        if not len(dataset):
            raise RunError(
                "None of the run's pictures can be read.",
                expected=f"pictures in {dataset.source}",
            )
        requested = set(splits)
        known = [split for split in dataset.split_sizes() if split in requested]
        if not known:
            raise RunError(
                "The run has none of these splits.",
                expected=f"some of: {', '.join(dataset.split_sizes())}",
                received=", ".join(sorted(requested)) or "none",
            )
        flip = self.recipe.training.plan.flip
        tables, flipped = [], {}
        for split in known:
            part = dataset.only(split)
            pictures = store.pictures(part)
            tables.append(answer(self.classifier, part, pictures, progress))
            # An additional figure, for models trained on mirrored pictures.
            if split != "train" and flip is not None and flip.horizontal:
                averaged = answer(self.classifier, part, pictures, progress, flips=True)
                scores = score_split(averaged, self.classes, {})
                kept = ("count", "accuracy", "accuracy_interval", "loss")
                flipped[split] = {key: scores[key] for key in kept}
        return self.score(pd.concat(tables, ignore_index=True), flipped=flipped)

    def doctor(self, *, progress: Progress | None = None) -> Diagnosis:
        """Diagnose the training and write `doctor.json`.

        The first call measures the activations of the best model's units on some pictures, if the
        model was trained in steps.

        Raises:
            RunError: A file of the run is missing or damaged.
        """
        case = case_of(self)
        if case.units is None and self.has_model and not self.recipe.chooses_on_folds:
            case = replace(case, units=self._measured_units(progress or Progress(0)))
        diagnosis = diagnose(case)
        self.write_doctor(diagnosis.to_json(), case.units)
        return diagnosis

    def _measured_units(self, progress: Progress) -> list[UnitsOfLayer] | None:
        from viewfinder.run.health import measure_units  # imports Keras

        try:
            return measure_units(self.dataset, self.classifier)
        except ViewfinderError as error:
            progress.say(f"The units were not measured: {error.fact}", style="yellow")
            return None

    def conclude(self, progress: Progress, model: "keras.Model | None" = None) -> None:
        """Write the diagnosis and the report of a training that has just ended.

        Args:
            progress: Shows the diagnosis.
            model: The best model, if in memory; None to load it.

        Raises:
            OutputError: The report cannot be written; the run is kept, and the remedy writes it.
        """
        again = f"viewfinder evaluate {shlex.quote(str(self))}"
        try:
            self.doctor(progress=progress)
            self.report(model)
        except (OSError, ViewfinderError) as error:
            why = error.fact if isinstance(error, ViewfinderError) else f"{error}."
            raise OutputError(
                f"The run {self} is trained and kept, but its report could not be written: {why}",
                remedy=f"{again} writes it, once there is space and the folder is writable",
            ) from error
        except Exception as error:  # a bug: the note states that the run is kept
            error.add_note(f"The run {self} is trained and kept; `{again}` writes its report.")
            raise

    def report(
        self, model: "keras.Model | None" = None, *, further: "Further | None" = None
    ) -> Path:
        """Write the plots, `report.html`, `report.json` and `model-card.md`.

        They come from the files of the folder and from some pictures. What needs the model, such as
        heat maps, is added by :func:`viewfinder.write_full_report`.

        Args:
            model: The best model, if in memory. Without it, the layers come from `model.txt`; it is
                loaded where this file is missing, or where Keras predicts.
            further: What is added.

        Returns:
            The path of the page.
        """
        from viewfinder.pages.report import Further, Report, write_report

        source = self.source
        in_color = self.recipe.preprocessing.model_copy(update={"color": "rgb"})

        def picture(locator: str) -> NDArray[np.uint8] | None:
            try:
                return before_resizing(source.read(locator), in_color, at_least=(256, 256)).pixels
            except RejectedPicture:
                return None

        if model or not self.classifier.starts_at_once or self.model_summary is None:
            self.write_model_summary(_summary(model or self.model, self.classifier))
        diagnosis = diagnose(case_of(self)).to_copy(self)
        return write_report(Report(self.folder, diagnosis, picture, further or Further()))

    def score(
        self, predictions: pd.DataFrame, *, flipped: Mapping[str, Mapping[str, Any]] | None = None
    ) -> dict[str, Any]:
        """Score predictions, and write `metrics.json` and the predictions.

        Args:
            predictions: A row per picture; see :func:`viewfinder.evaluation.answers.answer`.
            flipped: By split, the scores of averages over each picture and its mirror image.

        Returns:
            The content of `metrics.json`.
        """
        self.write_predictions(predictions)
        leaks = known_leaks(self.dataset)
        metrics: dict[str, Any] = {
            "schema": 1,
            "best_epoch": None if self.probe else best_epoch(self.history),
        }
        for split, rows in predictions.groupby("split", sort=False):
            metrics[str(split)] = score_split(rows, self.classes, leaks)
        if flipped:
            metrics["flipped"] = flipped
        self.write("metrics.json", metrics)
        self.write(SETTINGS, self.fitted_settings().model_dump())
        return metrics

    def fitted_settings(self, conditions: Sequence[Condition] = ()) -> Settings:
        """Return the temperature, and thresholds for these conditions and for those before.

        The validation pictures of the run choose them.
        """
        keras = self.folder / MODEL
        if keras.is_file():
            model: str | None = fingerprint(keras)
        else:
            model = self.classifier.model_name if self.has_model else None
        before: Sequence[Condition] = ()
        with suppress(RunError):  # damaged: it is written again
            if stored := read_settings(self.folder, model):
                before = [one for one in stored.thresholds if one.name in self.classes]
        by_name = {str(one): one for one in (*before, *conditions)}
        rows = self.predictions
        validation = rows[rows["split"] == "validation"]
        return fit_settings(validation, self.classes, by_name.values(), model)


def _summary(model: "keras.Model", classifier: Classifier) -> str:
    from viewfinder.models import model_summary  # imports Keras

    network = classifier.network
    agreement = Agreement.stated(network.facts) if isinstance(network, OnnxModel) else None
    return f"{model_summary(model)}{agreement.in_words()}\n" if agreement else model_summary(model)


def _report_changes(trained: Dataset, current: Dataset, progress: Progress) -> None:
    unreadable = current.table["status"] != "ok"
    changed = ~unreadable & (current.table["content"] != trained.table["content"])
    for rows, what in (
        (unreadable, "can no longer be read"),
        (changed, "have changed since the training"),
    ):
        if rows.any():
            progress.say(f"{rows.sum():,} of the run's pictures {what}.", style="yellow")
