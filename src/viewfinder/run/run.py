"""What a run can do once it is written: answer, be judged, and be reported."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.classifier import Classifier, Picture, Prediction, load
from viewfinder.core.errors import OutputError, RejectedPicture, RunError, ViewfinderError
from viewfinder.core.files import write_json
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import SPLITS, Dataset
from viewfinder.data.sources import from_record
from viewfinder.evaluation.answers import answer
from viewfinder.evaluation.doctor import Diagnosis, diagnose
from viewfinder.evaluation.evaluate import score_split
from viewfinder.pages.report import ReportMaterial, write_report
from viewfinder.pictures.prepare import before_resizing
from viewfinder.run.checkup import DOCTOR, case_of, look_at_units, model_written
from viewfinder.run_folder import RunFiles, best_epoch
from viewfinder.split.leaks import known_leaks
from viewfinder.store import open_store

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Run(RunFiles):
    """One training, as its folder holds it.

    Args:
        folder: A folder that `viewfinder train` has written.
    """

    @cached_property
    def classifier(self) -> Classifier:
        """The best model with its labels and preprocessing."""
        return load(self.folder)

    @property
    def model(self) -> "keras.Model":
        """The best model, a plain `keras.Model`."""
        return self.classifier.model

    @property
    def dataset(self) -> Dataset:
        """The pictures that were used, as the run split them."""
        source = from_record(self.environment["data"]["source"])
        everything = Dataset(source, self.data, self.classes)
        return everything.where(everything.table["status"] == "ok")

    def predict(
        self, pictures: Iterable[Picture] | Picture, *, progress: Progress | None = None
    ) -> list[Prediction]:
        """Answer for any pictures: see :meth:`Classifier.predict`."""
        return self.classifier.predict(pictures, progress=progress)

    def evaluate(
        self,
        splits: Iterable[str] = SPLITS,
        *,
        store_budget: int | None = None,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Score the best model on the run's splits; writes `metrics.json` and the predictions.

        Every picture is seen as `predict` would see it, without augmentation. Pictures that have
        gone or changed since the training are named in a line on stderr.

        Args:
            splits: Which of them.
            store_budget: The most bytes of pixels to keep on disk; see
                :func:`viewfinder.store.open_store`.
            progress: Shows how far it is.

        Returns:
            The content of `metrics.json`.

        Raises:
            DataError: The pictures are not where they were.
            RunError: The run has none of these splits.
        """
        progress = progress or Progress(0)
        dataset = self.dataset
        preprocessing = self.classifier.preprocessing
        store = open_store(dataset, preprocessing, budget=store_budget, progress=progress)
        seen = store.describe(dataset)
        _say_what_has_changed(dataset, seen, progress)
        dataset = seen.where(seen.table["status"] == "ok")
        if not len(dataset):
            raise RunError("The run's pictures are gone.", expected=f"pictures in {dataset.source}")
        wanted = set(splits)
        asked = [split for split in dataset.split_sizes() if split in wanted]
        if not asked:
            raise RunError(
                "The run has none of these splits.",
                expected=f"some of: {', '.join(dataset.split_sizes())}",
                received=", ".join(sorted(wanted)) or "none",
            )
        flip = self.recipe.training.plan.flip
        tables, flipped = [], {}
        for split in asked:
            part = dataset.only(split)
            pictures = store.pictures(part)
            tables.append(answer(self.classifier, part, pictures, progress))
            # An extra figure, where the model was trained to see no difference.
            if split != "train" and flip is not None and flip.horizontal:
                twice = answer(self.classifier, part, pictures, progress, flips=True)
                flipped[split] = self._flipped(twice)
        return self.judge(pd.concat(tables, ignore_index=True), flipped=flipped)

    @property
    def steered_by(self) -> str:
        """The split that chose the best epoch; "" where folds of the training pictures chose."""
        return "" if self.probe else "validation"

    def doctor(self, *, progress: Progress | None = None) -> Diagnosis:
        """Say what is wrong with the training and what to try; writes `doctor.json`.

        The first time, some pictures are passed through the best model to look at its units, if
        steps of a training have moved them.

        Raises:
            RunError: A file of the run is missing or damaged.
        """
        case = case_of(self)
        is_trained = (self.folder / "best.keras").exists() and not case.setup.solved
        if case.units is None and is_trained:
            case = replace(case, units=look_at_units(self, progress or Progress(0)))
        diagnosis = diagnose(case)
        written = model_written(self) if case.units is not None else None
        seen = {"model_written": written, "units": case.units}
        write_json(self.folder / DOCTOR, {**diagnosis.to_json(), **seen})
        return diagnosis

    def conclude(self, progress: Progress, model: "keras.Model | None" = None) -> None:
        """Diagnose and report a training that has just ended.

        Args:
            progress: Shows how far it is.
            model: The best model, where it is at hand; else it is loaded.

        Raises:
            OutputError: The report cannot be written; the run is kept, and the remedy writes it.
        """
        again = f"viewfinder report {shlex.quote(str(self))}"
        try:
            self.doctor(progress=progress)
            self.report(model)
        except (OSError, ViewfinderError) as error:
            why = error.fact if isinstance(error, ViewfinderError) else f"{error}."
            raise OutputError(
                f"The run {self} is trained and kept, but its report could not be written: {why}",
                remedy=f"{again} writes it, once there is space and the folder can be written",
            ) from error
        except Exception as error:  # a bug of ours: it is shown, and so is what became of the run
            error.add_note(f"The run {self} is trained and kept; `{again}` writes its report.")
            raise

    def report(self, model: "keras.Model | None" = None) -> Path:
        """Write the plots and `report.html` again, from what is in the folder.

        Args:
            model: The best model, where it is at hand; else it is loaded.
        """
        environment = self.environment
        timing = self.timing
        source = from_record(environment["data"]["source"])
        in_color = self.recipe.preprocessing.model_copy(update={"color": "rgb"})

        def picture(locator: str) -> NDArray[np.uint8] | None:
            try:
                return before_resizing(source.read(locator), in_color, at_least=(256, 256)).pixels
            except RejectedPicture:
                return None

        material = ReportMaterial(
            name=self.name,
            created=_in_words(environment["created"]),
            recipe=self.recipe.model_dump(mode="json"),
            environment=environment,
            timing=timing,
            metrics=self.metrics,
            history=self.history,
            data=self.data,
            predictions=self.predictions,
            classes=self.classes,
            model_summary=_summary(model or self.model),
            interrupted=timing["interrupted"],
            steered_by=self.steered_by,
            diagnosis=diagnose(case_of(self)),
            picture=picture,
            passed_over=self.passed_over(),
            probe=self.probe,
            trials=self.trials,
        )
        return write_report(material, self.folder)

    def _flipped(self, answers: pd.DataFrame) -> dict[str, Any]:
        scores = score_split(answers, self.classes, {})
        return {key: scores[key] for key in ("count", "accuracy", "accuracy_interval", "loss")}

    def judge(
        self, predictions: pd.DataFrame, *, flipped: Mapping[str, Mapping[str, Any]] | None = None
    ) -> dict[str, Any]:
        """Score answers; writes `metrics.json` and the predictions.

        Args:
            predictions: A row an answer; see :func:`viewfinder.evaluation.answers.answer`.
            flipped: By split, what answers to mirrored pictures add.

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
        write_json(self.folder / "metrics.json", metrics)
        return metrics


def _summary(model: "keras.Model") -> str:
    from viewfinder.models import model_summary  # imports Keras

    return model_summary(model)


def _say_what_has_changed(trained: Dataset, today: Dataset, progress: Progress) -> None:
    gone = today.table["status"] != "ok"
    changed = ~gone & (today.table["content"] != trained.table["content"])
    for rows, what in ((gone, "cannot be read any more"), (changed, "have changed")):
        if rows.any():
            progress.say(f"Since the training, {rows.sum():,} pictures {what}.", style="yellow")


def _in_words(iso: str) -> str:
    moment = datetime.fromisoformat(iso)
    return f"{moment.day} {moment:%B %Y, %H:%M}"
