"""Evaluate a run on one of its splits, or on other labelled pictures."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.audit.duplicates import duplicate_groups
from viewfinder.audit.measurements import Measurements, survey
from viewfinder.audit.shortcuts import Shortcut, find_shortcuts, shortcut_properties
from viewfinder.classifier import Classifier
from viewfinder.classifier.files import require_no_file_of_run
from viewfinder.classifier.settings import (
    SETTINGS,
    ClassThreshold,
    Condition,
    read_condition,
)
from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.files import written_whole
from viewfinder.core.progress import Progress
from viewfinder.core.shares import UNKNOWN, Figure, share
from viewfinder.core.words import counted
from viewfinder.data.dataset import Dataset
from viewfinder.data.source import Source
from viewfinder.data.sources import open_dataset
from viewfinder.data.store import open_store
from viewfinder.evaluation.answers import answer, arrays_of
from viewfinder.evaluation.baselines import Baseline
from viewfinder.evaluation.calibration import fit_temperature
from viewfinder.evaluation.conformal import SetOptions
from viewfinder.evaluation.metrics import Metrics, measure
from viewfinder.evaluation.slices import Slice, find_slices, properties_of
from viewfinder.evaluation.thresholds import Threshold, at_threshold, best_threshold
from viewfinder.run.baselines import baselines_of
from viewfinder.run.matching import match_classes
from viewfinder.run.outliers import OutlierEvaluation, evaluate_outliers
from viewfinder.run.run import Run
from viewfinder.run.sets import SetsEvaluation, fit_sets, measured

if TYPE_CHECKING:
    from viewfinder.evaluation.crops import CropScores
    from viewfinder.evaluation.robustness import Robustness


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A run's figures on labelled pictures.

    Attributes:
        run: The run, or the classifier of a model without its run.
        name: Its path; "" of a classifier in memory.
        data: What was evaluated: "test", or the data's path.
        metrics: The figures.
        temperature: The one that the validation pictures suggest; None without such pictures, or
            where these are the evaluated ones.
        thresholds: A threshold for each condition.
        predictions: A row a picture: `locator`, `split`, `label`, `predicted`, `confidence`,
            `probabilities`.
        source: The source of the pictures; None for the run's own.
        notes: What the reader should know.
        baselines: The results of the baselines; none without a run.
        sets: The prediction sets; None where no coverage was requested.
        outliers: The outlier threshold; None where none was requested.
        known: How many of the pictures are in the run's training, by content.
        accuracy_of_others: The accuracy without these pictures; None where there are none.
    """

    run: Run | Classifier
    name: str
    data: str
    metrics: Metrics
    temperature: float | None
    thresholds: tuple[Threshold, ...]
    predictions: pd.DataFrame
    source: Source | None
    notes: tuple[str, ...]
    baselines: tuple[Baseline, ...] = ()
    sets: SetsEvaluation | None = None
    outliers: OutlierEvaluation | None = None
    known: int = 0
    accuracy_of_others: Figure | None = None

    def __repr__(self) -> str:
        return f"<Evaluation of {self.run} on {self.data}: {repr(self.metrics)[1:-1]}>"

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<p>{html.escape(repr(self)[1:-1])}</p>{self.metrics._repr_html_()}{notes}"

    @cached_property
    def tempered(self) -> Metrics | None:
        """The figures at the temperature: only those of probabilities differ."""
        if self.temperature is None:
            return None
        return self.metrics.at_temperature(self.temperature)

    def slices(self, *, progress: Progress | None = None) -> tuple[Slice, ...]:
        """Return the accuracy by size, aspect, brightness, sharpness, duplicates, folder, camera.

        The worst slices are first; see :func:`viewfinder.evaluation.slices.find_slices`. The
        measurements are those of the audit, and shared with it.

        Raises:
            DataError: The pictures are no longer there.
        """
        shown, measurements = self._measured(progress)
        right = (shown.table["label"] == shown.table["predicted"]).to_numpy()
        return find_slices(right, properties_of(shown.source, measurements))

    def shortcuts(self, *, progress: Progress | None = None) -> tuple[Shortcut, ...]:
        """Test whether brightness, size, shape, blur or background alone tells the label.

        See :func:`viewfinder.audit.shortcuts.find_shortcuts`.

        Raises:
            DataError: The pictures are no longer there.
        """
        shown, measurements = self._measured(progress)
        return find_shortcuts(
            shown.labels, shortcut_properties(measurements), duplicate_groups(measurements).keys()
        )

    def robustness(self, *, progress: Progress | None = None) -> "Robustness":
        """Evaluate the model on the same pictures rotated, blurred, noisy, recompressed, darker.

        See :func:`viewfinder.evaluation.robustness.measure_robustness`.

        Raises:
            DataError: The pictures are no longer there.
            RunError: The model is missing or damaged.
        """
        from viewfinder.evaluation.robustness import measure_robustness

        classifier = _classifier(self.run)
        store = open_store(self._shown, classifier.preprocessing, progress=progress)
        described = store.describe(self._shown)
        shown = _some_of(described, (described.table["status"] == "ok").to_numpy())
        return measure_robustness(
            classifier.probabilities, store.pictures(shown), shown.labels, progress
        )

    def crops(self, *, progress: Progress | None = None) -> "CropScores":
        """Evaluate the model on the centre, border and background of pictures, and on crops.

        See :func:`viewfinder.evaluation.crops.measure_crops`.

        Raises:
            DataError: The pictures are no longer there.
            RunError: The model is missing or damaged.
        """
        from viewfinder.evaluation.crops import measure_crops

        return measure_crops(_classifier(self.run), self._shown, progress)

    @property
    def _shown(self) -> Dataset:
        return _dataset_of(self.run, self.predictions, self.source)

    def _measured(self, progress: Progress | None) -> tuple[Dataset, Measurements]:
        measurements = survey(self._shown, progress=progress)
        readable = measurements.readable
        return _some_of(self._shown, readable), measurements.of_rows(np.flatnonzero(readable))

    def to_json(self) -> dict[str, Any]:
        """Return the document of `viewfinder evaluate --split … --json`; see docs/schemas.py."""
        after = self.tempered and {
            "log_loss": self.tempered.log_loss.to_json(),
            "brier": self.tempered.brier.to_json(),
            "calibration_error": self.tempered.calibration.error.to_json(),
        }
        others = self.accuracy_of_others
        return {
            "schema": 1,
            "run": self.name,
            "data": self.data,
            **self.metrics.to_json(),
            "temperature": self.temperature,
            "tempered": after,
            "baselines": [one.to_json() for one in self.baselines],
            "thresholds": [one.to_json() for one in self.thresholds],
            "sets": self.sets and self.sets.to_json(),
            "outliers": self.outliers and self.outliers.to_json(),
            "known_from_training": self.known,
            "accuracy_of_others": others and others.to_json(),
            "notes": list(self.notes),
        }

    def save_predictions(self, path: Path) -> None:
        """Write a row a picture as CSV or Parquet: the predictions, a column for each class.

        Raises:
            UsageError: The file's name has another ending.
            OutputError: The file cannot be written, or would replace a file of a run.
        """
        require_table(path)
        shares = np.stack(list(self.predictions["probabilities"]))
        columns = {f"probability {name}": shares[:, at] for at, name in enumerate(self.run.classes)}
        table = self.predictions.drop(columns="probabilities").assign(**columns)
        with written_whole(path) as temporary:
            if path.suffix == ".csv":
                table.to_csv(temporary, index=False)
            else:
                table.to_parquet(temporary, index=False)


def _some_of(shown: Dataset, rows: NDArray[np.bool_]) -> Dataset:
    if not rows.any():
        raise DataError(
            "None of the pictures can be read.",
            expected=f"the evaluated pictures in {shown.source}",
            remedy="evaluate the pictures where they are now: give them as `data`",
        )
    return shown.where(rows)


def require_table(path: Path) -> None:
    """Raise `UsageError` unless the name ends in `.csv` or `.parquet` and is free in a run."""
    if path.suffix not in (".csv", ".parquet"):
        raise UsageError(
            "Predictions are written as .csv or .parquet.",
            expected="a file name such as predictions.csv",
            received=str(path),
        )
    require_no_file_of_run(path)


def evaluate(
    run: Run | Classifier | str | Path,
    data: Dataset | str | Path | None = None,
    *,
    split: str | None = None,
    thresholds: Sequence[str] = (),
    coverage: float | SetOptions | None = None,
    inside: float | None = None,
    others: Dataset | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate a run's best model, with intervals, baselines and calibration.

    The run's own pictures need no model where their probabilities are stored. Classes of other
    pictures are matched by name.

    Args:
        run: The run, or its folder; or the classifier of a bundle or of a model that was trained
            elsewhere, which needs `data` and has no baselines. Temperature and thresholds are then
            those of the bundle, where it has them.
        data: Other labelled pictures, or the path of such data; None for the run's own.
        split: Which split; by default all of `data`, or the run's test split, else validation.
        thresholds: Conditions such as "precision >= 0.99 for cats"; the run's validation pictures
            choose each threshold, where there are any, and `predict` then takes the condition.
        coverage: The coverage of prediction sets, which are fitted on the run's validation pictures
            and written to its folder for `predict`.
        inside: The share of pictures like those of training that are no outliers: a threshold of
            the distance to training features, fitted and written as the prediction sets are.
        others: Pictures of none of the classes, to measure the outlier score on.
        progress: Shows the evaluation.

    Raises:
        RunError: The folder is no run, or one of its files is missing or damaged.
        DataError: There is no such split, no class in common, no picture can be read, or the
            validation pictures are too few for the coverage.
        UsageError: A condition cannot be read, or the coverage is not between 0 and 1.
    """
    if isinstance(coverage, float | int):
        coverage = SetOptions(coverage)
    progress = progress or Progress(0)
    data = open_dataset(data) if isinstance(data, str | Path) else data
    if isinstance(run, Classifier):
        if data is None or coverage is not None or inside is not None:
            raise UsageError(
                "A model without its run has no pictures of its own.",
                expected="`data`; sets and outliers are fitted on a run's validation pictures",
            )
        return _evaluate_classifier(run, data, split, thresholds, progress)
    opened = run if isinstance(run, Run) else Run.open(run)
    conditions = [read_condition(text, opened.classes) for text in thresholds]
    if (data is None or coverage or inside) and not opened.is_evaluated:
        opened.evaluate(progress=progress)
    if data is None:
        name, rows = _own(opened.predictions, split)
        notes, is_known = list[str](), np.zeros(len(rows), np.bool_)
    else:
        name = str(data.source)
        rows, found_notes = _answered(opened, data, split, progress)
        notes, is_known = list(found_notes), _is_known(opened, rows, "train")
    sets = outliers = None
    if coverage is not None:
        is_new = np.full(len(rows), name == "test")
        if data is not None:
            is_new = ~(is_known | _is_known(opened, rows, "validation"))
        fitted = fit_sets(opened, coverage, progress=progress)
        sets = measured(fitted, rows[is_new], opened.classes)
        notes += sets.notes
    if inside is not None:
        new = rows[~is_known] if name != "train" else rows[:0]
        shown = _dataset_of(opened, new, data.source if data else None) if len(new) else None
        outliers = evaluate_outliers(opened, inside, shown, others, progress)
        rows = rows.assign(outlier_score=rows["locator"].map(dict(outliers.scores)))
        notes += [one for one in outliers.notes if one not in notes]
    if conditions:
        opened.write(SETTINGS, opened.fitted_settings(conditions).model_dump())
    baselines, of_baselines = baselines_of(opened, rows, data, progress)
    validation = _validation(opened, name)
    return Evaluation(
        run=opened,
        name=str(opened),
        data=name,
        metrics=measure(*arrays_of(rows, opened.classes), opened.classes),
        temperature=_temperature(validation, opened.classes),
        thresholds=tuple(_threshold(one, rows, validation, opened.classes) for one in conditions),
        predictions=rows.drop(columns="content", errors="ignore"),
        source=data.source if data else None,
        notes=(*notes, *of_baselines),
        baselines=baselines,
        sets=sets,
        outliers=outliers,
        known=int(is_known.sum()),
        accuracy_of_others=_accuracy(rows[~is_known]) if is_known.any() else None,
    )


def _validation(run: Run, evaluated: str) -> pd.DataFrame | None:
    """Return the predictions that choose temperature and thresholds; None where there are none.

    Args:
        run: The run.
        evaluated: What is evaluated; where it is the validation split, that chooses nothing.
    """
    if not run.is_evaluated or evaluated == "validation":
        return None
    stored = run.predictions
    found = stored[stored["split"] == "validation"]
    return found if len(found) else None


def _temperature(validation: pd.DataFrame | None, classes: Sequence[str]) -> float | None:
    return None if validation is None else fit_temperature(*arrays_of(validation, classes))


def _own(stored: pd.DataFrame, split: str | None) -> tuple[str, pd.DataFrame]:
    """Return the name and the stored predictions of one of the run's splits."""
    known = [name for name in ("test", "validation", "train") if name in set(stored["split"])]
    chosen = split or known[0]
    if chosen not in known:
        raise DataError(
            f"The run has no predictions for the split {chosen!r}.",
            expected=f"one of: {', '.join(known)}",
        )
    return chosen, stored[stored["split"] == chosen].reset_index(drop=True)


def _dataset_of(run: Run | Classifier, rows: pd.DataFrame, source: Source | None) -> Dataset:
    return Dataset(source or run.source, rows, run.classes)


def _only(data: Dataset, split: str) -> Dataset:
    data.require_split(split)
    return data.only(split)


def _evaluate_classifier(
    classifier: Classifier,
    data: Dataset,
    split: str | None,
    thresholds: Sequence[str],
    progress: Progress,
) -> Evaluation:
    """Evaluate a model of which only the network is known, on labelled pictures."""
    classes, settings = classifier.classes, classifier.settings
    conditions = [read_condition(text, classes) for text in thresholds]
    rows, notes = _answered(classifier, data, split, progress)
    return Evaluation(
        run=classifier,
        name="",
        data=str(data.source),
        metrics=measure(*arrays_of(rows, classes), classes),
        temperature=settings.temperature if settings else None,
        thresholds=tuple(
            _threshold(one, rows, None, classes, settings.of(one) if settings else None)
            for one in conditions
        ),
        predictions=rows.drop(columns="content"),
        source=data.source,
        notes=(*classifier.notes, *notes),
    )


def _classifier(run: Run | Classifier) -> Classifier:
    return run if isinstance(run, Classifier) else run.classifier


def _answered(
    run: Run | Classifier, data: Dataset, split: str | None, progress: Progress
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Predict other pictures; return their table with `content`, and notes."""
    matched, notes = match_classes(data if split is None else _only(data, split), run.classes)
    classifier = _classifier(run)
    store = open_store(matched, classifier.preprocessing, progress=progress)
    described = store.describe(matched)
    readable = described.readable
    if skipped := len(described) - len(readable):
        notes += (f"{counted(skipped, 'picture')} cannot be read.",)
    if not len(readable):
        raise DataError("None of the pictures can be read.", expected=f"pictures in {data.source}")
    found = answer(classifier, readable, store.pictures(readable), progress)
    contents = dict(zip(readable.table["locator"], readable.table["content"], strict=True))
    return found.assign(content=found["locator"].map(contents)), notes


def _accuracy(rows: pd.DataFrame) -> Figure:
    return share(int((rows["label"] == rows["predicted"]).sum()), len(rows))


def _is_known(run: Run, rows: pd.DataFrame, split: str) -> NDArray[np.bool_]:
    """Whether the bytes of each picture are those of a picture in the run's split."""
    table = run.data
    known = table.loc[table["split"] == split, "content"]
    return rows["content"].isin(set(known) - {""}).to_numpy()


def _threshold(
    condition: Condition,
    rows: pd.DataFrame,
    validation: pd.DataFrame | None,
    classes: Sequence[str],
    stored: ClassThreshold | None = None,
) -> Threshold:
    at = list(classes).index(condition.name)
    choosing = rows if validation is None else validation
    if stored:
        found = stored.threshold
    else:
        labels, shares = arrays_of(choosing, classes)
        found = best_threshold(condition, labels == at, shares[:, at])
    labels, shares = arrays_of(rows, classes)
    figures = (
        (UNKNOWN, UNKNOWN) if found is None else at_threshold(found, labels == at, shares[:, at])
    )
    chosen_on = "the evaluated pictures" if choosing is rows and not stored else "validation"
    return Threshold(condition, found, chosen_on, *figures)
