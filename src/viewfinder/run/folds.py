"""Cross-validation's folder: a run a fold, and what their held-out answers come to together.

folds.json           what was asked for, what each fold has come to, and all of them together
data.parquet         a row a picture, with its fold        skipped.csv   what was not used, and why
predictions.parquet  a row a picture: the answer of the one model that did not train on its fold
fold-0/, fold-1/ …   the runs
"""

import json
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
from viewfinder.run_folder import FOLDS, RunFiles
from viewfinder.split.leaks import known_leaks

# In a fold's run, the pictures that steer nothing are the test split.
HELD_OUT = "test"
_OF_A_FOLD = ("count", "accuracy", "accuracy_interval", "loss", "macro_f1")


@dataclass(frozen=True)
class CrossValidation:
    """Runs that held out a fold each, in one folder.

    Args:
        folder: A folder that `viewfinder train --folds` has written.
    """

    folder: Path

    @classmethod
    def create(
        cls, output: Path, name: str, recipe: Recipe, readable: Dataset, rejected: Dataset
    ) -> Self:
        """A new folder, in which no fold is done; a number is added to a name that is taken.

        Args:
            output: The folder that holds the runs.
            name: Its name.
            recipe: What every fold is trained by, without the fold.
            readable: The pictures, dealt.
            rejected: Those that cannot be used.

        Raises:
            OutputError: The folder cannot be made.
        """
        files = RunFiles.create(output, name)
        everything = pd.concat([readable.table, rejected.table]).fillna({FOLD: ""})
        table = everything.sort_values("locator", ignore_index=True)
        files.write_data(Dataset(readable.source, table, readable.classes, readable.passed_over))
        made = cls(files.folder)
        asked = {
            "recipe": recipe.model_dump(mode="json"),
            "data": {"source": readable.source.record(), "notes": list(readable.notes)},
            "classes": list(readable.classes),
        }
        made._write(asked, [], folds_of(readable))
        return made

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """One that has been written before.

        Raises:
            RunError: The folder holds none.
        """
        if not cls.is_in(Path(folder)):
            raise RunError(
                f"{folder} holds no folds.",
                expected="a folder that `viewfinder train --folds` has written",
            )
        return cls(Path(folder))

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether the folder holds folds, and is no single run."""
        return (folder / FOLDS).is_file()

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def results(self) -> dict[str, Any]:
        """The parsed `folds.json`."""
        path = self.folder / FOLDS
        try:
            content = dict(json.loads(path.read_text(encoding="utf-8")))
            if absent := [key for key in ("recipe", "data", "classes") if key not in content]:
                raise ValueError(f"without {', '.join(absent)}")
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"{path} is missing or damaged.", received=str(error)) from error
        return content

    @property
    def recipe(self) -> Recipe:
        """What every fold was trained by, without the fold."""
        return Recipe.model_validate(self.results["recipe"])

    @property
    def dataset(self) -> Dataset:
        """The readable pictures, dealt; without the test split, which no fold has seen."""
        asked = self.results
        source, classes = from_record(asked["data"]["source"]), tuple(asked["classes"])
        table = RunFiles(self.folder).data
        everything = Dataset(source, table, classes, notes=tuple(asked["data"]["notes"]))
        return everything.where(everything.table["status"] == "ok")

    @property
    def predictions(self) -> pd.DataFrame:
        """A row a picture: locator, fold, label, predicted, confidence, probabilities.

        Raises:
            RunError: A fold is missing yet.
        """
        return RunFiles(self.folder).predictions

    @property
    def accuracy(self) -> float | None:
        """The share of all pictures that a model without them was right on; None until all are."""
        together = self.results["all"]
        return None if together is None else float(together["accuracy"])

    @property
    def done(self) -> list[int]:
        """The folds whose training has ended by itself, and was judged."""
        return [fold for fold in self._numbers if self.run_of(fold) is not None]

    @property
    def missing(self) -> list[int]:
        """The folds that are still to be trained."""
        return [fold for fold in self._numbers if self.run_of(fold) is None]

    @property
    def runs(self) -> list[Run]:
        """The runs of the folds that are done."""
        return [run for run in map(self.run_of, self._numbers) if run is not None]

    def run_of(self, fold: int) -> Run | None:
        """The run of a fold that is done."""
        run = Run(self.place_of(fold))
        # The timing is written once a run has been judged.
        is_done = (run.folder / "timing.json").exists() and not run.timing["interrupted"]
        return run if is_done else None

    def place_of(self, fold: int) -> Path:
        """The folder of a fold's run."""
        return self.folder / f"fold-{fold}"

    def put_together(self) -> dict[str, Any]:
        """Score what is done; writes `folds.json`, and the predictions once no fold is missing.

        Returns:
            The content of `folds.json`.
        """
        asked = {key: self.results[key] for key in ("recipe", "data", "classes")}
        done = self.done
        judged = [_Judged.by(Run(self.place_of(fold)), fold) for fold in done]
        missing = self.missing
        together = None
        if not missing:
            answers = pd.concat([one.answers for one in judged]).sort_values("locator")
            with written_whole(self.folder / "predictions.parquet") as temporary:
                answers.to_parquet(temporary, index=False)
            leaks = {locator: kind for one in judged for locator, kind in one.leaks.items()}
            together = score_split(answers, asked["classes"], leaks)
        return self._write(asked, [one.entry for one in judged], missing, together)

    @property
    def _numbers(self) -> list[int]:
        results = self.results
        return sorted([one["fold"] for one in results["folds"]] + results["missing"])

    def _write(
        self,
        asked: Mapping[str, Any],
        entries: list[dict[str, Any]],
        missing: list[int],
        together: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        shares = [one["accuracy"] for one in entries]
        content = {
            "schema": 1,
            "folds": entries,
            "missing": missing,
            "accuracy_mean": None if missing else mean(shares),
            "accuracy_deviation": None if missing or len(shares) < 2 else stdev(shares),
            "all": together,
            **asked,
        }
        write_json(self.folder / FOLDS, content)
        return content


@dataclass(frozen=True, eq=False)
class _Judged:
    """What a fold's run says of the pictures that it held out."""

    entry: dict[str, Any]
    answers: pd.DataFrame
    leaks: dict[str, str]

    @classmethod
    def by(cls, run: Run, fold: int) -> Self:
        metrics, answers = run.metrics, run.predictions
        held_out = answers[answers["split"] == HELD_OUT]
        entry = {
            "fold": fold,
            "run": run.name,
            "ended": run.timing["ended"],
            "best_epoch": metrics["best_epoch"],
            **{key: metrics[HELD_OUT][key] for key in _OF_A_FOLD},
        }
        held_out = held_out.assign(split=fold).rename(columns={"split": FOLD})
        everything = Dataset(from_record(run.environment["data"]["source"]), run.data, run.classes)
        return cls(entry, held_out, known_leaks(everything.only(HELD_OUT)))
