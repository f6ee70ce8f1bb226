"""The `Run`: a folder with everything that one training left, readable on its own.

recipe.yaml          everything the run depended on, apart from the pictures
data.parquet         a row a picture: where, label, split, status, size, content hash
skipped.csv          what was found and not used, and why
labels.json          the classes in the model's order, and the preprocessing
best.keras           the model of the best epoch        last.keras   of the last one
history.csv          a row an epoch
metrics.json         accuracy, loss and per-class figures of each split
predictions.parquet  a row an answer
environment.json     versions, backend, machine, where the data was
timing.json          how long things took
plots/, report.html  for people
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from viewfinder.classifier import Classifier, Picture, Prediction, load
from viewfinder.data.dataset import SPLITS, Dataset
from viewfinder.data.decode import decode
from viewfinder.data.leaks import known_leaks
from viewfinder.data.sources import from_record
from viewfinder.data.store import open_store
from viewfinder.errors import OutputError, RejectedPicture, RunError
from viewfinder.files import write_json, write_text, written_whole
from viewfinder.progress import Progress
from viewfinder.recipe import Recipe
from viewfinder.results.answers import answer
from viewfinder.results.evaluate import score_split
from viewfinder.results.report import ReportMaterial, write_report

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Run:
    """One training, as its folder holds it.

    Args:
        folder: A folder that `viewfinder train` has written.
    """

    folder: Path

    @classmethod
    def create(cls, output: Path, name: str) -> "Run":
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
    def open(cls, folder: str | Path) -> "Run":
        """A run that has been written before.

        Raises:
            RunError: The folder holds no run.
        """
        folder = Path(folder)
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
        """The folder's name."""
        return self.folder.name

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
    def environment(self) -> dict[str, Any]:
        """The parsed `environment.json`."""
        return self._json("environment.json", "created", "data")

    @property
    def timing(self) -> dict[str, Any]:
        """The parsed `timing.json`: seconds, and whether the training was interrupted.

        A training that was killed has left none, and counts as interrupted.
        """
        if not (self.folder / "timing.json").exists():
            return {"schema": 1, "interrupted": True}
        return self._json("timing.json", "interrupted")

    @property
    def data(self) -> pd.DataFrame:
        """A row a picture, also those that were rejected."""
        return self._table("data.parquet")

    @property
    def predictions(self) -> pd.DataFrame:
        """A row an answer: locator, split, label, predicted, confidence, probabilities."""
        return self._table("predictions.parquet")

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
        everything = Dataset(source, self.data, self.classifier.classes)
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
                :func:`viewfinder.data.store.open_store`.
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
        tables = []
        for split in asked:
            part = dataset.only(split)
            tables.append(answer(self.classifier, part, store.pictures(part), progress))
        return self._write_metrics(pd.concat(tables, ignore_index=True), known_leaks(dataset))

    def report(self) -> Path:
        """Write the plots and `report.html` again, from what is in the folder."""
        environment = self.environment
        timing = self.timing
        source = from_record(environment["data"]["source"])

        def picture(locator: str) -> NDArray[np.uint8] | None:
            try:
                data = source.read(locator)
                return decode(data, at_least=(256, 256)).pixels if isinstance(data, bytes) else data
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
            classes=self.classifier.classes,
            model_summary=_summary(self.model),
            interrupted=timing["interrupted"],
            steered_by="validation",
            picture=picture,
            passed_over=self._passed_over(),
        )
        return write_report(material, self.folder)

    def write_start(
        self,
        recipe: Recipe,
        classifier: Classifier,
        data: Dataset,
        environment: Mapping[str, Any],
    ) -> None:
        """Write what is known before training."""
        write_json(self.folder / "environment.json", {"schema": 1, **environment})
        write_text(self.folder / "recipe.yaml", recipe.to_yaml())
        classifier.save_labels(self.folder)
        self.write_data(data)

    def write_data(self, data: Dataset) -> None:
        """Write the table of the pictures, and the list of those that are not used."""
        with written_whole(self.folder / "data.parquet") as temporary:
            data.table.to_parquet(temporary, index=False)
        with written_whole(self.folder / "skipped.csv") as temporary:
            skipped_table(data).to_csv(temporary, index=False)

    def write_end(self, timing: Mapping[str, Any]) -> None:
        """Write how long the training took, and whether it was interrupted."""
        write_json(self.folder / "timing.json", {"schema": 1, **timing})

    def _passed_over(self) -> list[tuple[str, str]]:
        """What was found beside the pictures: everything in `skipped.csv` that has no row."""
        skipped = pd.read_csv(self.folder / "skipped.csv", keep_default_na=False)
        beside = skipped[~skipped["path"].isin(self.data["locator"])]
        return list(zip(beside["path"], beside["reason"], strict=True))

    def _write_metrics(self, predictions: pd.DataFrame, leaks: Mapping[str, str]) -> dict[str, Any]:
        with written_whole(self.folder / "predictions.parquet") as temporary:
            predictions.to_parquet(temporary, index=False)
        classes = self.classifier.classes
        metrics: dict[str, Any] = {"schema": 1, "best_epoch": best_epoch(self.history)}
        for split, rows in predictions.groupby("split", sort=False):
            metrics[str(split)] = score_split(rows, classes, leaks)
        write_json(self.folder / "metrics.json", metrics)
        return metrics

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


def best_epoch(history: pd.DataFrame) -> int | None:
    """The epoch with the highest `val_accuracy`, at ties the lowest `val_loss`; None without."""
    if "val_accuracy" not in history or history.empty:
        return None
    order = history.sort_values(
        ["val_accuracy", "val_loss", "epoch"], ascending=[False, True, True]
    )
    return int(order["epoch"].iloc[0])


def skipped_table(data: Dataset) -> pd.DataFrame:
    """Everything that was found and not used: path, reason, detail."""
    rejected = data.table[data.table["status"] != "ok"]
    beside = [(one.path, one.why, "") for one in data.passed_over]
    rows = [*rejected[["locator", "status", "detail"]].itertuples(index=False, name=None), *beside]
    return pd.DataFrame(rows, columns=["path", "reason", "detail"])
