"""The files of a run: where they are, how they are written, and what each reads as."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pandas as pd
import yaml

from viewfinder.classifier import CHOSEN, Classifier, run_folder
from viewfinder.core.errors import OutputError, RunError, UsageError
from viewfinder.core.files import locked, write_json, write_text, written_whole
from viewfinder.data.dataset import Dataset
from viewfinder.recipe import Recipe

_TRIALS = "trials.json"
_LOCK = ".lock"
# What a folder has that holds the runs of all folds; see `viewfinder.run.folds`.
FOLDS = "folds.json"


@dataclass(frozen=True)
class RunFiles:
    """A run's folder, file by file.

    Args:
        folder: A folder that `viewfinder train` has written.
    """

    folder: Path

    @classmethod
    def create(cls, output: Path, name: str) -> Self:
        """A new, empty run; a number is added to a name that is taken.

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
                    remedy="choose another place with --output",
                ) from error
            return cls(folder)
        raise OutputError(f"Cannot make a run's folder in {output}.", expected="a folder")

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """A run that has been written before.

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
        """The folder's name; where several ways were tried in a folder, with that one's."""
        folder = self.folder
        is_a_way = (folder.parent / CHOSEN).is_file()
        return f"{folder.parent.name}/{folder.name}" if is_a_way else folder.name

    @cached_property
    def recipe(self) -> Recipe:
        """Everything the run depended on, apart from the pictures."""
        try:
            return Recipe.model_validate(yaml.safe_load(self._text("recipe.yaml")))
        except (ValueError, yaml.YAMLError) as error:
            raise self._damaged("recipe.yaml", error) from error

    @property
    def history(self) -> pd.DataFrame:
        """A row an epoch: epoch, accuracy, loss, val_accuracy, val_loss, learning_rate."""
        try:
            table = pd.read_csv(self.folder / "history.csv")
            return table.astype({"epoch": "int64", "loss": "float64", "accuracy": "float64"})
        except FileNotFoundError:  # interrupted before the first epoch's end
            return pd.DataFrame({"epoch": [], "loss": [], "accuracy": []})
        except (ValueError, KeyError) as error:
            raise self._damaged("history.csv", error) from error

    @property
    def metrics(self) -> dict[str, Any]:
        """The parsed `metrics.json`."""
        return self._json("metrics.json")

    @property
    def probe(self) -> dict[str, Any] | None:
        """The parsed `probe.json`: how a linear head was chosen; None for other heads."""
        return self._json("probe.json", "chosen") if (self.folder / "probe.json").exists() else None

    @property
    def fine_tuning(self) -> dict[str, Any] | None:
        """The parsed `fine_tuning.json`: whether it was kept; None where nothing was fine-tuned."""
        there = (self.folder / "fine_tuning.json").exists()
        return self._json("fine_tuning.json", "kept") if there else None

    @property
    def trials(self) -> dict[str, Any] | None:
        """What else was tried, and why this was taken, as in `auto.json`; None without a search."""
        if not (self.folder / _TRIALS).exists():
            return None
        return self._json(_TRIALS, "chosen", "trials", "why")

    def write_trials(self, record: Mapping[str, Any]) -> None:
        """Write what else was tried."""
        write_json(self.folder / _TRIALS, record)

    @property
    def environment(self) -> dict[str, Any]:
        """The parsed `environment.json`."""
        return self._json("environment.json", "created", "data")

    @property
    def timing(self) -> dict[str, Any]:
        """The parsed `timing.json`: seconds, and why the training ended.

        A training that was killed has left none, and counts as interrupted.
        """
        if not (self.folder / "timing.json").exists():
            return {"schema": 1, "ended": "interrupted", "why": "", "interrupted": True}
        return self._json("timing.json", "interrupted")

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the model's outputs."""
        return tuple(self._json("labels.json", "classes")["classes"])

    @property
    def data(self) -> pd.DataFrame:
        """A row a picture, also those that were rejected."""
        return self._table("data.parquet")

    @property
    def predictions(self) -> pd.DataFrame:
        """A row an answer: locator, split, label, predicted, confidence, probabilities."""
        return self._table("predictions.parquet")

    def being_trained(self) -> AbstractContextManager[None]:
        """Keep other trainings out of the folder; the system lifts the lock of a killed one.

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

    def write_start(
        self,
        recipe: Recipe,
        classifier: Classifier,
        data: Dataset,
        environment: Mapping[str, Any],
    ) -> None:
        """Write what is known before training; the recipe, which makes the folder a run, last."""
        write_json(self.folder / "environment.json", {"schema": 1, **environment})
        classifier.save_labels(self.folder)
        self.write_data(data)
        write_text(self.folder / "recipe.yaml", recipe.to_yaml())

    def begin_again(self, recipe: Recipe, source: Mapping[str, Any]) -> Self:
        """The run as one that is being trained; what was half-written is gone.

        Args:
            recipe: What it is trained by from now on.
            source: The record of where its pictures are now.
        """
        for half in self.folder.rglob(".writing-*"):
            half.unlink(missing_ok=True)
        environment = self.environment
        environment["data"] |= {"source": source}
        write_json(self.folder / "environment.json", environment)
        write_text(self.folder / "recipe.yaml", recipe.to_yaml())
        (self.folder / "timing.json").unlink(missing_ok=True)
        return type(self)(self.folder)

    def write_data(self, data: Dataset) -> None:
        """Write the table of the pictures, and the list of those that are not used."""
        with written_whole(self.folder / "data.parquet") as temporary:
            data.table.to_parquet(temporary, index=False)
        with written_whole(self.folder / "skipped.csv") as temporary:
            skipped_table(data).to_csv(temporary, index=False)

    def write_end(self, timing: Mapping[str, Any]) -> None:
        """Write how long the training took, and why it ended."""
        write_json(self.folder / "timing.json", {"schema": 1, **timing})

    def write_predictions(self, predictions: pd.DataFrame) -> None:
        """Write the table of the answers."""
        with written_whole(self.folder / "predictions.parquet") as temporary:
            predictions.to_parquet(temporary, index=False)

    def passed_over(self) -> list[tuple[str, str]]:
        """What was found beside the pictures: everything in `skipped.csv` that has no row."""
        skipped = pd.read_csv(self.folder / "skipped.csv", keep_default_na=False)
        beside = skipped[~skipped["path"].isin(self.data["locator"])]
        return list(zip(beside["path"], beside["reason"], strict=True))

    def _text(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(encoding="utf-8")
        except OSError as error:
            raise RunError(
                f"The run {self.folder} has no {name}.",
                remedy="`viewfinder evaluate` makes metrics again; other files need the training",
            ) from error

    def _json(self, name: str, *needed: str) -> dict[str, Any]:
        try:
            content = dict(json.loads(self._text(name)))
        except (ValueError, TypeError) as error:
            raise self._damaged(name, error) from error
        if missing := [key for key in needed if key not in content]:
            raise self._damaged(name, f"without {', '.join(missing)}")
        return content

    def _table(self, name: str) -> pd.DataFrame:
        try:
            return pd.read_parquet(self.folder / name)
        except (OSError, ValueError) as error:
            raise self._damaged(name, error) from error

    def _damaged(self, name: str, error: object) -> RunError:
        return RunError(f"{self.folder / name} is missing or damaged.", received=str(error))


def plain_name(name: str) -> str:
    """The name, if a folder can have it.

    Raises:
        OutputError: It is a path.
    """
    if name in (".", "..") or Path(name).name != name:
        raise OutputError(
            "A run's name cannot be a path.",
            expected="a plain name",
            received=name,
            remedy="--output says in which folder the run is written",
        )
    return name


def best_epoch(history: pd.DataFrame) -> int | None:
    """The epoch whose model was kept, as the history says; None without validation pictures.

    Where the model was fine-tuned, it is an epoch of the phase whose model was kept.
    """
    if "kept" not in history:
        return None
    kept = history[history["kept"] == 1]
    if "phase" in kept:
        tuned = kept["phase"] == "fine-tuning"
        kept = kept[tuned if tuned.any() else kept["phase"] == "head"]
    return None if kept.empty else int(kept["epoch"].iloc[-1])


def skipped_table(data: Dataset) -> pd.DataFrame:
    """Everything that was found and not used: path, reason, detail."""
    rejected = data.table[data.table["status"] != "ok"]
    beside = [(one.path, one.why, "") for one in data.passed_over]
    rows = [*rejected[["locator", "status", "detail"]].itertuples(index=False, name=None), *beside]
    return pd.DataFrame(rows, columns=["path", "reason", "detail"])
