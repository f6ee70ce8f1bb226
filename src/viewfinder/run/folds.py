"""The folder of a cross-validation: a run per fold, and the scores of all held-out predictions.

folds.json           the settings, the scores of each fold, and those of all folds together
data.parquet         a row per picture, with its fold
skipped.csv          the files that were not used, and why
predictions.parquet  a row per picture: the prediction of the model that did not train on its fold
fold-0/, fold-1/ …   the runs
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Self

import pandas as pd

from viewfinder.core.errors import RunError
from viewfinder.core.files import write_json, written_whole
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import from_record
from viewfinder.data.splits.folds import FOLD, folds_of
from viewfinder.evaluation.evaluate import score_split
from viewfinder.recipe import Recipe
from viewfinder.run.run import Run
from viewfinder.run_folder import FOLDS, RunFolder
from viewfinder.run_folder.files import DATA, PREDICTIONS_OF_FOLDS, FoldsFile, read_table, recipe_in
from viewfinder.split.leaks import known_leaks

# The held-out fold is the test split of a fold's run, so it chooses no epoch.
HELD_OUT = "test"
_FOLD_SCORES = ("count", "accuracy", "accuracy_interval", "loss", "macro_f1")


@dataclass(frozen=True)
class CrossValidation:
    """The runs of a cross-validation, in one folder.

    Args:
        folder: A folder written by `viewfinder train --folds`.
    """

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))

    @classmethod
    def create(
        cls, output: Path, name: str, recipe: Recipe, readable: Dataset, rejected: Dataset
    ) -> Self:
        """Create a folder without trained folds; a number is added to a name in use.

        Args:
            output: The folder that holds the runs.
            name: The name of the new folder.
            recipe: The recipe of all folds, without the number of the fold.
            readable: The pictures, with their folds.
            rejected: The pictures that cannot be used.

        Raises:
            OutputError: The folder cannot be created.
        """
        files = RunFolder.create(output, name)
        everything = pd.concat([readable.table, rejected.table]).fillna({FOLD: ""})
        table = everything.sort_values("locator", ignore_index=True)
        files.write_data(Dataset(readable.source, table, readable.classes, readable.passed_over))
        created = cls(files.folder)
        settings = {
            "recipe": recipe.model_dump(mode="json"),
            "data": {"source": readable.source.record(), "notes": list(readable.notes)},
            "classes": list(readable.classes),
        }
        created._write(settings, [], folds_of(readable.table))
        return created

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open the folder of a cross-validation.

        Raises:
            RunError: The folder has no `folds.json`.
        """
        if not cls.is_in(Path(folder)):
            raise RunError(
                f"{folder} holds no folds.",
                expected="a folder written by `viewfinder train --folds`",
            )
        return cls(Path(folder))

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether the folder is that of a cross-validation, not of a single run."""
        return (folder / FOLDS).is_file()

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def results(self) -> dict[str, Any]:
        """The parsed `folds.json`."""
        return FoldsFile.read(self.folder / FOLDS).content

    @property
    def recipe(self) -> Recipe:
        """The recipe of all folds, without the number of the fold."""
        return recipe_in(self.folder / FOLDS, self.results["recipe"])

    @property
    def dataset(self) -> Dataset:
        """The readable pictures with their folds, without the test split, which is in none."""
        results = self.results
        source, classes = from_record(results["data"]["source"]), tuple(results["classes"])
        table = read_table(self.folder / "data.parquet", DATA)
        everything = Dataset(source, table, classes, notes=tuple(results["data"]["notes"]))
        return everything.readable

    @property
    def predictions(self) -> pd.DataFrame:
        """A row per picture: locator, fold, label, predicted, confidence, probabilities.

        Raises:
            RunError: A fold is still missing.
        """
        path = self.folder / "predictions.parquet"
        return read_table(path, PREDICTIONS_OF_FOLDS, classes=len(self.results["classes"]))

    @property
    def accuracy(self) -> float | None:
        """The accuracy of all held-out predictions, 0 to 1; None while a fold is missing."""
        overall = self.results["all"]
        return None if overall is None else float(overall["accuracy"])

    @property
    def done(self) -> list[int]:
        """The folds whose training is complete and evaluated."""
        return [fold for fold in self._numbers if self.run_of(fold) is not None]

    @property
    def missing(self) -> list[int]:
        """The folds that are not trained yet."""
        return [fold for fold in self._numbers if self.run_of(fold) is None]

    @property
    def runs(self) -> list[Run]:
        """The runs of the complete folds."""
        return [run for run in map(self.run_of, self._numbers) if run is not None]

    def run_of(self, fold: int) -> Run | None:
        """Return the run of a fold; None while it is not complete."""
        run = Run(self.folder_of(fold))
        # The timing is written after the evaluation.
        is_done = (run.folder / "timing.json").exists() and not run.timing["interrupted"]
        return run if is_done else None

    def folder_of(self, fold: int) -> Path:
        """Return the folder of a fold's run."""
        return self.folder / f"fold-{fold}"

    def evaluate(self) -> dict[str, Any]:
        """Score the complete folds and write `folds.json`; with all folds also the predictions.

        Returns:
            The content of `folds.json`.
        """
        settings = {key: self.results[key] for key in ("recipe", "data", "classes")}
        folds = [_FoldResult.of(Run(self.folder_of(fold)), fold) for fold in self.done]
        missing = self.missing
        overall = None
        if not missing:
            predictions = pd.concat([fold.predictions for fold in folds]).sort_values("locator")
            with written_whole(self.folder / "predictions.parquet") as temporary:
                predictions.to_parquet(temporary, index=False)
            leaks = {locator: kind for fold in folds for locator, kind in fold.leaks.items()}
            overall = score_split(predictions, settings["classes"], leaks)
        return self._write(settings, [fold.entry for fold in folds], missing, overall)

    @property
    def _numbers(self) -> list[int]:
        results = self.results
        return sorted([entry["fold"] for entry in results["folds"]] + results["missing"])

    def _write(
        self,
        settings: Mapping[str, Any],
        entries: list[dict[str, Any]],
        missing: list[int],
        overall: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        accuracies = [entry["accuracy"] for entry in entries]
        content = {
            "schema": 1,
            "folds": entries,
            "missing": missing,
            "accuracy_mean": None if missing else mean(accuracies),
            "accuracy_deviation": None if missing or len(accuracies) < 2 else stdev(accuracies),
            "all": overall,
            **settings,
        }
        write_json(self.folder / FOLDS, content)
        return content


@dataclass(frozen=True, eq=False)
class _FoldResult:
    """The scores and predictions of a fold's run on its held-out pictures."""

    entry: dict[str, Any]
    predictions: pd.DataFrame
    leaks: dict[str, str]

    @classmethod
    def of(cls, run: Run, fold: int) -> Self:
        metrics, predictions = run.metrics, run.predictions
        held_out = predictions[predictions["split"] == HELD_OUT]
        entry = {
            "fold": fold,
            "run": run.name,
            "ended": run.timing["ended"],
            "best_epoch": metrics["best_epoch"],
            **{key: metrics[HELD_OUT][key] for key in _FOLD_SCORES},
        }
        held_out = held_out.assign(split=fold).rename(columns={"split": FOLD})
        everything = Dataset(run.source, run.data, run.classes)
        return cls(entry, held_out, known_leaks(everything.only(HELD_OUT)))
