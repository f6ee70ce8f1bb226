"""The folder of one training: the path, the writer and the reader of each file."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.classifier.files import (
    CHOSEN,
    EXPORT,
    MODEL,
    read_labels,
    run_folder,
    write_labels,
)
from viewfinder.classifier.outliers import OUTLIERS, REFERENCE, OutlierSettings
from viewfinder.core.errors import DataError, OutputError, RunError, UsageError
from viewfinder.core.files import (
    content_hash,
    locked,
    named,
    read_regular,
    regular_status,
    write_json,
    write_text,
    written_whole,
)
from viewfinder.core.records import RunRecord, damaged, read_yaml_settings
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import Source, from_record
from viewfinder.recipe import Recipe
from viewfinder.run_folder.files import (
    DATA,
    PREDICTIONS,
    DoctorFile,
    EnvironmentFile,
    FineTuningFile,
    MetricsFile,
    ProbeFile,
    SeriesFile,
    TimingFile,
    TrialsFile,
    UnitsOfLayer,
    read_history,
    read_table,
)

_OUT_OF_FOLD = "out_of_fold.parquet"
_LOCK = ".lock"
_LAYERS = "model.txt"
# The file of a folder that holds the runs of folds; see `viewfinder.run.folds`.
FOLDS = "folds.json"


@dataclass(frozen=True)
class RunFolder:
    """A run's folder, file by file.

    Args:
        folder: A folder that `viewfinder train` has written.
    """

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", named(self.folder))

    @classmethod
    def create(cls, output: Path, name: str) -> Self:
        """Make a new, empty run; a number is added to a name that exists.

        Raises:
            OutputError: The folder cannot be made.
        """
        for number in range(1, 100_000):
            folder = output / (name if number == 1 else f"{name}-{number}")
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                if output.exists() and not output.is_dir():
                    break
                continue
            except OSError as error:
                raise OutputError(
                    f"Cannot make the run's folder {folder}: {error.strerror}.",
                    remedy="choose another output folder",
                ) from error
            return cls(folder)
        raise OutputError(f"Cannot make a run's folder in {output}.", expected="a folder")

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a run.

        Raises:
            RunError: The folder holds no run.
        """
        folder = run_folder(folder)
        if (folder / FOLDS).is_file():
            raise RunError(
                f"{folder} holds folds, each of them a run.",
                expected=f"one of them, such as {folder / 'fold-0'}",
            )
        if not (folder / "recipe.yaml").is_file():
            raise RunError(
                f"{folder} is not a run.",
                expected="a folder that `viewfinder train` has written, such as runs/digits",
                received="no such folder" if not folder.exists() else "no recipe.yaml in it",
            )
        return cls(folder)

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def name(self) -> str:
        """The folder's name; of a search's candidate, after the name of the search."""
        folder = self.folder
        is_candidate = (folder.parent / CHOSEN).is_file()
        return f"{named(folder.parent).name}/{folder.name}" if is_candidate else folder.name

    @cached_property
    def recipe(self) -> Recipe:
        """Everything the run depended on, apart from the pictures."""
        path = self.folder / "recipe.yaml"
        try:
            recipe = Recipe.model_validate(read_yaml_settings(path))
            if recipe.input.size is None or recipe.input.color is None:
                raise ValueError("no input size or colour")
        except (OSError, ValueError) as error:
            raise damaged(path, error) from error
        return recipe

    @property
    def history(self) -> pd.DataFrame:
        """A row an epoch: epoch, accuracy, loss, val_accuracy, val_loss, learning_rate."""
        return read_history(self.folder / "history.csv")

    @property
    def metrics(self) -> dict[str, Any]:
        """The parsed `metrics.json`."""
        return self._read(MetricsFile, "metrics.json")

    @property
    def probe(self) -> dict[str, Any] | None:
        """The parsed `probe.json`: how a linear head was chosen; None for other heads."""
        return self._read_if_there(ProbeFile, "probe.json")

    @property
    def fine_tuning(self) -> dict[str, Any] | None:
        """The parsed `fine_tuning.json`: whether it was kept; None where nothing was fine-tuned."""
        return self._read_if_there(FineTuningFile, "fine_tuning.json")

    @property
    def series(self) -> dict[str, Any] | None:
        """The parsed `series.json`: series that file names carry; None where there are none."""
        return self._read_if_there(SeriesFile, "series.json")

    @property
    def decisions(self) -> tuple[str, ...]:
        """What the validation pictures chose, in words; empty where they chose nothing."""
        found, history, trials = [], of_kept_phase(self.history), self.trials
        if "val_loss" in history and "kept" in history and len(history) > 1:
            found.append(f"the best epoch ({best_epoch(history)})")
        if "only_after" in (self.fine_tuning or {}):
            found.append("between the head and the fine-tuned model")
        if trials and len(trials["trials"]) > 1:
            found.append("between the candidates of the search")
        return tuple(found)

    @property
    def trials(self) -> dict[str, Any] | None:
        """The trials of the search that chose this run, as in `auto.json`; else None."""
        return self._read_if_there(TrialsFile, "trials.json")

    @property
    def environment(self) -> dict[str, Any]:
        """The parsed `environment.json`."""
        return self._read(EnvironmentFile, "environment.json")

    @property
    def timing(self) -> dict[str, Any]:
        """The parsed `timing.json`: seconds, and why the training ended.

        A training that was killed has no such file and counts as interrupted.
        """
        killed = {"schema": 1, "ended": "interrupted", "why": "", "interrupted": True}
        return self._read_if_there(TimingFile, "timing.json") or killed

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the model's outputs."""
        return read_labels(self.folder)[0]

    @property
    def data(self) -> pd.DataFrame:
        """A row a picture, rejected pictures included."""
        return read_table(self.folder / "data.parquet", DATA)

    @property
    def source(self) -> Source:
        """Where the pictures are.

        Raises:
            RunError: The record of it is damaged.
        """
        record = self.environment["data"]["source"]
        try:
            return from_record(record)
        except DataError as error:
            raise damaged(self.folder / "environment.json", error.fact) from error

    @property
    def dataset(self) -> Dataset:
        """The pictures that were used, in the run's splits."""
        return Dataset(self.source, self.data, self.classes).readable

    @property
    def is_evaluated(self) -> bool:
        """Whether `metrics.json` has been written."""
        return (self.folder / "metrics.json").is_file()

    @property
    def model_summary(self) -> str | None:
        """The layers of the best model, as text of fixed width; None in runs of older versions."""
        path = self.folder / _LAYERS
        try:
            return read_regular(path).decode("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise damaged(path, error) from error

    def write_model_summary(self, text: str) -> None:
        """Write the layers of the best model."""
        write_text(self.folder / _LAYERS, text)

    @property
    def units(self) -> list[UnitsOfLayer] | None:
        """The activations of this model's units, from `doctor.json`; None if not measured."""
        try:
            record = DoctorFile.read(self.folder / "doctor.json")
        except RunError:
            return None
        is_of_this_model = self.has_model and record.model_written == self._model_written()
        return record.units if is_of_this_model else None

    def write_doctor(self, record: Mapping[str, Any], units: Sequence[UnitsOfLayer] | None) -> None:
        """Write the doctor's verdicts, and the activations from which they were made."""
        written = None if units is None else self._model_written()
        layers = None if units is None else [one.model_dump() for one in units]
        record = {**record, "model_written": written, "units": layers}
        self.write("doctor.json", record)

    def _model_written(self) -> str:
        """A hash of the best model, by which its activations are recognised."""
        path = self.folder / MODEL
        return content_hash(path if path.is_file() else self.folder / EXPORT)

    def write_outliers(self, settings: OutlierSettings, reference: NDArray[np.float32]) -> None:
        """Write the threshold of outliers, and the training features that distances are from."""
        (self.folder / OUTLIERS).unlink(missing_ok=True)  # that of other features
        with written_whole(self.folder / REFERENCE) as temporary, temporary.open("wb") as file:
            np.save(file, reference, allow_pickle=False)
        self.write(OUTLIERS, settings.content)

    @property
    def has_report(self) -> bool:
        """Whether the report has been written."""
        return (self.folder / "report.html").is_file()

    @property
    def has_model(self) -> bool:
        """Whether a best model has been saved, for Keras or for ONNX Runtime."""
        return any((self.folder / name).is_file() for name in (MODEL, EXPORT))

    @property
    def predictions(self) -> pd.DataFrame:
        """A row a picture: locator, split, label, predicted, confidence, probabilities."""
        path = self.folder / "predictions.parquet"
        return read_table(path, PREDICTIONS, classes=len(self.classes))

    @property
    def out_of_fold(self) -> pd.DataFrame | None:
        """As `predictions`, of the training pictures by heads fitted on the other folds.

        None where the head was not solved on folds.
        """
        path = self.folder / _OUT_OF_FOLD
        return read_table(path, PREDICTIONS, len(self.classes)) if path.exists() else None

    def being_trained(self) -> AbstractContextManager[None]:
        """Lock the folder against other trainings; the system releases the lock of a killed one.

        Raises:
            UsageError: Another training is writing to it.
            OutputError: The folder cannot be written.
        """
        taken = UsageError(
            f"The run {self.folder} is still being trained by another process.",
            expected="a run that no other process is training",
            remedy="wait until it has ended, or stop it with Ctrl-C; then resume it",
        )
        return locked(self.folder / _LOCK, taken)

    def write(self, name: str, record: Mapping[str, Any]) -> None:
        """Write one of the run's JSON files, such as "probe.json"; see docs/formats.md."""
        write_json(self.folder / name, {"schema": 1, **record})

    def write_start(
        self,
        recipe: Recipe,
        classes: Sequence[str],
        data: Dataset,
        environment: Mapping[str, Any],
    ) -> None:
        """Write what is known before training; last the recipe, which makes the folder a run."""
        self.write("environment.json", environment)
        write_labels(self.folder, classes, recipe.preprocessing)
        self.write_data(data)
        write_text(self.folder / "recipe.yaml", recipe.to_yaml())

    def begin_again(self, recipe: Recipe, source: Mapping[str, Any]) -> Self:
        """Mark the run as being trained, and remove half-written files.

        Args:
            recipe: The recipe from now on.
            source: The record of the pictures' source.
        """
        for half in self.folder.rglob(".writing-*"):
            half.unlink(missing_ok=True)
        environment = self.environment
        environment["data"] |= {"source": source}
        self.write("environment.json", environment)
        write_text(self.folder / "recipe.yaml", recipe.to_yaml())
        for name in ("timing.json", OUTLIERS):  # of the model so far
            (self.folder / name).unlink(missing_ok=True)
        return type(self)(self.folder)

    def write_data(self, data: Dataset) -> None:
        """Write the table of the pictures, and the list of those that are skipped."""
        self._write_table("data.parquet", data.table)
        with written_whole(self.folder / "skipped.csv") as temporary:
            skipped_table(data).to_csv(temporary, index=False)

    def write_predictions(self, predictions: pd.DataFrame) -> None:
        """Write the table of predictions."""
        self._write_table("predictions.parquet", predictions)

    def write_out_of_fold(self, predictions: pd.DataFrame) -> None:
        """Write the training pictures' predictions by heads fitted on the other folds."""
        self._write_table(_OUT_OF_FOLD, predictions)

    def _write_table(self, name: str, table: pd.DataFrame) -> None:
        with written_whole(self.folder / name) as temporary:
            table.to_parquet(temporary, index=False)

    def passed_over(self) -> list[tuple[str, str]]:
        """Path and reason of each file beside the pictures: rows of `skipped.csv` only."""
        path = self.folder / "skipped.csv"
        try:
            regular_status(path)
            skipped = pd.read_csv(path, dtype=str, keep_default_na=False)[["path", "reason"]]
        except (OSError, ValueError, KeyError) as error:
            raise damaged(path, error) from error
        beside = skipped[~skipped["path"].isin(self.data["locator"])]
        return list(zip(beside["path"], beside["reason"], strict=True))

    def _read(self, record: type[RunRecord], name: str) -> dict[str, Any]:
        return record.read(self.folder / name).content

    def _read_if_there(self, record: type[RunRecord], name: str) -> dict[str, Any] | None:
        return self._read(record, name) if (self.folder / name).exists() else None


def best_epoch(history: pd.DataFrame) -> int | None:
    """The epoch whose model was kept, from the history; None without validation pictures.

    Of a fine-tuned model, an epoch of the phase whose model was kept.
    """
    if "kept" not in history:
        return None
    history = of_kept_phase(history)
    kept = history[history["kept"] == 1]
    return None if kept.empty else int(kept["epoch"].iloc[-1])


def of_kept_phase(history: pd.DataFrame) -> pd.DataFrame:
    """The epochs of the phase whose model was kept; all of them where there is one phase."""
    if "phase" not in history:
        return history
    tuned = history["phase"] == "fine-tuning"
    return history[tuned if tuned.any() else history["phase"] == "head"]


def skipped_table(data: Dataset) -> pd.DataFrame:
    """Skipped pictures and files: path, reason, detail."""
    rejected = data.rejected.table
    beside = [(one.path, one.why, "") for one in data.passed_over]
    rows = [*rejected[["locator", "status", "detail"]].itertuples(index=False, name=None), *beside]
    return pd.DataFrame(rows, columns=["path", "reason", "detail"])
