"""The content of a run's files, validated when it is read: one record for each JSON file.

A run may come from a stranger, or be damaged. Each file raises the same `RunError` if what is read
from it is missing or has another type or range. Keys that nothing reads are not checked.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from viewfinder.core.files import regular_status
from viewfinder.core.records import RunRecord, damaged
from viewfinder.recipe import Recipe

Count = Annotated[int, Field(ge=0, lt=1 << 48)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]
Interval = Annotated[list[float], Field(min_length=2, max_length=2)]

# The columns that are read from the tables, by the type of their cells; see docs/formats.md.
DATA = {
    "text": ("locator", "label", "split", "status", "content"),
    "optional text": ("detail", "leak", "group"),
    "number": ("width", "height"),
}
PREDICTIONS = {"text": ("locator", "label", "predicted", "split"), "number": ("confidence",)}
PREDICTIONS_OF_FOLDS = {
    "text": ("locator", "label", "predicted"),
    "number": ("confidence", "fold"),
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False, frozen=True)


class ClassScores(_Part):
    """The scores of one class; None where the denominator is 0."""

    name: str
    precision: Share | None
    recall: Share | None
    f1: Share | None
    support: Count


class Figures(_Part):
    """The figures of any evaluation."""

    count: Annotated[Count, Field(ge=1)]
    accuracy: Share
    accuracy_interval: Interval
    loss: float


class Leaks(_Part):
    """The number of pictures that are in training too."""

    exact: Count
    near: Count


class ScoresRecord(Figures):
    """The scores of a split."""

    macro_f1: Share
    per_class: list[ClassScores]
    confusion: list[list[Count]]
    leaks: Leaks | None = None
    without_leaks: "ScoresRecord | None" = None

    @model_validator(mode="after")
    def _is_square(self) -> "ScoresRecord":
        width = len(self.per_class)
        if [len(row) for row in self.confusion] != [width] * width:
            raise ValueError(f"the confusion matrix is not {width} × {width}, as the classes")
        return self


def _absent() -> Any:
    return None


class MetricsFile(RunRecord):
    """The content of `metrics.json`."""

    best_epoch: Count | None
    # Absent where there is no such split, but never null.
    train: ScoresRecord = Field(default_factory=_absent)
    validation: ScoresRecord = Field(default_factory=_absent)
    test: ScoresRecord = Field(default_factory=_absent)
    flipped: dict[str, Figures] = Field(default_factory=dict)


class TriedRecord(_Part):
    """The result of one strength of regularisation of a linear head."""

    strength: float
    accuracy: Share
    accuracies: Annotated[list[Share], Field(min_length=1)]
    loss: float


class ProbeFile(RunRecord):
    """The content of `probe.json`."""

    chosen: float
    accuracy: Share
    tried: list[TriedRecord]


class PhaseFigures(_Part):
    """The figures of the best model before or after fine-tuning."""

    accuracy: Share
    loss: float


class PhasesCompared(_Part):
    """What decided whether fine-tuning was kept.

    Attributes:
        before: Accuracy and loss of the first phase's model.
        after: Accuracy and loss of the second phase's model.
        pictures: The number of pictures.
        only_before: Pictures on which only the first phase's model is right.
        only_after: Pictures on which only the second phase's model is right.
    """

    before: PhaseFigures
    after: PhaseFigures
    pictures: Annotated[Count, Field(ge=1)]
    only_before: Count
    only_after: Count


class FineTuningFile(RunRecord):
    """The content of `fine_tuning.json`; :class:`PhasesCompared` where both phases were."""

    kept: bool

    @model_validator(mode="after")
    def _is_compared(self) -> "FineTuningFile":
        if "only_after" in (self.model_extra or {}):
            PhasesCompared.model_validate(self.model_extra)
        return self


class SeriesFile(RunRecord):
    """The content of `series.json`."""

    group_from: str
    count: Count
    torn: Count
    torn_as_given: Count
    differs: bool
    measured_on: str
    accuracy_at_random: Share | None
    accuracy_grouped: Share | None
    folds: Count | None

    @model_validator(mode="after")
    def _has_figures(self) -> "SeriesFile":
        if self.differs and None in (self.accuracy_at_random, self.accuracy_grouped, self.folds):
            raise ValueError("accuracies that differ, and are not given")
        return self


class DataFacts(_Part):
    """What `environment.json` and `folds.json` say of the data."""

    source: dict[str, Any]
    notes: list[str] = Field(default_factory=list)
    given: list[str] | None = None


class EnvironmentFile(RunRecord):
    """The content of `environment.json`."""

    created: str
    data: DataFacts
    versions: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_time(self) -> "EnvironmentFile":
        datetime.fromisoformat(self.created)
        return self


class TimingFile(RunRecord):
    """The content of `timing.json`."""

    interrupted: bool
    ended: str
    why: str = ""
    epochs_s: list[Seconds] = Field(default_factory=list)
    stages_s: dict[str, Seconds] = Field(default_factory=dict)


class UnitsOfLayer(_Part):
    """The activations of a layer's units.

    Attributes:
        layer: The layer's name.
        units: The number of units: channels of a feature map, or units of a dense layer.
        relu: Whether a ReLU follows.
        dead: The number of units that are zero for every picture, at every position; 0 without
            ReLU.
        largest: The largest absolute activation; None where an activation or a weight of the layer
            is not finite.
    """

    layer: str
    units: Count
    relu: bool
    dead: Count
    largest: float | None


class DoctorFile(RunRecord):
    """What is read from `doctor.json`."""

    units: list[UnitsOfLayer] | None
    model_written: str | None


class TrialRecord(_Part):
    """A candidate of a search, evaluated on the pictures on which all candidates are evaluated.

    Attributes:
        name: Its folder.
        recipe: The recipe's name.
        count: How many pictures it was evaluated on.
        right: How many of them it answers rightly.
        accuracy: The share of these.
        only_it: How many it answers rightly and the best candidate before it does not.
        only_before: The other way round.
        is_better: Whether it replaced the best candidate before it.
        folds: Its accuracy on folds of the training pictures, where it has one.
        seconds: Its duration; with its report, but for the first candidate.
        ended: Why its training ended, as in `timing.json`; or "not kept" where fine-tuning did
            not help, so that the model is the head from before it.
    """

    name: str
    recipe: str
    count: Annotated[Count, Field(ge=1)]
    right: Count
    accuracy: Share
    only_it: Count
    only_before: Count
    is_better: bool
    folds: Share | None
    seconds: Seconds
    ended: str


class TrialsFile(RunRecord):
    """The content of `trials.json`."""

    chosen: str
    why: str
    trials: Annotated[list[TrialRecord], Field(min_length=1)]


class SearchFile(RunRecord):
    """What `auto.json` keeps for the search that resumes."""

    finished: bool
    source: dict[str, Any]
    classes: list[str]
    notes: list[str]
    probe: dict[str, Any]
    scratch: dict[str, Any]
    given: list[str] | None = None
    trials: list[TrialRecord]


class FoldRecord(Figures):
    """A fold that is complete."""

    fold: Count
    run: str
    ended: str
    best_epoch: Count | None
    macro_f1: Share


class FoldsFile(RunRecord):
    """The content of `folds.json`."""

    folds: list[FoldRecord]
    missing: list[Count]
    all: ScoresRecord | None
    recipe: dict[str, Any]
    data: DataFacts
    classes: list[str]


class CropPlanFile(RunRecord):
    """The content of `plan.json` of a crop experiment."""

    zoom: float
    seeds: Count
    pictures: str
    recipe: dict[str, Any]


class FirstPhaseFile(RunRecord):
    """The content of `fitted.json`: the result of the phase before fine-tuning."""

    seconds: list[Seconds]
    training_seconds: Seconds
    best_epoch: Count | None
    ended: str
    why: str


def recipe_in(path: Path, record: Mapping[str, Any]) -> Recipe:
    """Return the recipe that a JSON file holds.

    Raises:
        RunError: It is none.
    """
    try:
        return Recipe.model_validate(record)
    except ValueError as error:
        raise damaged(path, error) from error


def read_table(
    path: Path, columns: Mapping[str, tuple[str, ...]], classes: int | None = None
) -> pd.DataFrame:
    """Read a Parquet table that has these columns.

    Args:
        path: The file.
        columns: The names of columns with text, perhaps with text, or with numbers.
        classes: The length of the lists in the column `probabilities`; None for a table without.

    Raises:
        RunError: The file is missing, or a column is missing or has other values.
    """
    try:
        regular_status(path)
        table = pd.read_parquet(path)
    except Exception as error:  # for a damaged file, PyArrow may raise anything
        raise damaged(path, error) from error
    for name in (*columns["text"], *columns["number"]):
        if name not in table:
            raise damaged(path, f"no column {name}")
    optional = [name for name in columns.get("optional text", ()) if name in table]
    for name in (*columns["text"], *optional):
        cells = table[name] if name in columns["text"] else table[name].dropna()
        if pd.api.types.infer_dtype(cells, skipna=False) not in ("string", "empty"):
            raise damaged(path, f"the column {name} is not text")
    for name in columns["number"]:
        if not pd.api.types.is_numeric_dtype(table[name]) or np.isinf(table[name]).any():
            raise damaged(path, f"the column {name} is not of numbers")
    if "locator" in table and not table["locator"].is_unique:
        raise damaged(path, "a locator occurs twice")
    if classes is not None:
        _require_shares(table, classes, path)
    return table


def _require_shares(table: pd.DataFrame, classes: int, path: Path) -> None:
    """Raise unless each row's `probabilities` are one for each class, from 0 to 1."""
    try:
        shares = np.array([np.asarray(row, np.float64) for row in table["probabilities"]])
    except (KeyError, ValueError, TypeError) as error:
        raise damaged(path, "no usable column probabilities") from error
    fits = shares.shape == (len(table), classes) or not len(table)
    if not fits or not ((shares >= 0) & (shares <= 1.01)).all():
        raise damaged(path, f"probabilities that are not {classes} shares for each picture")


def read_history(path: Path) -> pd.DataFrame:
    """Read `history.csv`; a row an epoch.

    Raises:
        RunError: The file is damaged.
    """
    numbers = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "kept")
    try:
        regular_status(path)
        table = pd.read_csv(path)
        types: dict[str, Literal["int64", "float64"]] = {"epoch": "int64"}
        types |= {name: "float64" for name in numbers if name in table}
        table = table.astype({**types, "loss": "float64", "accuracy": "float64"})
        if not (table["epoch"].diff().dropna() == 1).all() or (table["epoch"] < 1).any():
            raise ValueError("epochs that do not follow each other")
        shares = table[[name for name in ("accuracy", "val_accuracy") if name in table]]
        if not (shares.isna() | ((shares >= 0) & (shares <= 1))).all(axis=None):
            raise ValueError("an accuracy that is not from 0 to 1")
        return table
    except FileNotFoundError:  # interrupted before the first epoch's end
        return pd.DataFrame({"epoch": [], "loss": [], "accuracy": []})
    except (OSError, ValueError, KeyError) as error:
        raise damaged(path, error) from error
