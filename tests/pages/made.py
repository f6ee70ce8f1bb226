"""Made runs to report on: small, complete, and with one thing changed at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from runs import ENVIRONMENT, write_run
from viewfinder.evaluation.doctor import Diagnosis
from viewfinder.evaluation.evaluate import score
from viewfinder.pages.report import Report
from viewfinder.recipe import Recipe

SPLITS = {"train": 6, "validation": 4, "test": 5}


def history(epochs: int, *, validation: bool = True) -> pd.DataFrame:
    """Curves that flatten out; `loss` falls and `accuracy` rises."""
    epoch = np.arange(1, epochs + 1)
    columns: dict[str, Any] = {
        "epoch": epoch,
        "loss": np.exp(-epoch / 5),
        "accuracy": 1 - 0.5 * np.exp(-epoch / 5),
    }
    if validation:
        columns |= {"val_loss": columns["loss"] + 0.1, "val_accuracy": columns["accuracy"] - 0.1}
        columns["kept"] = (epoch <= max(1, epochs - 1)).astype(int)
    return pd.DataFrame(columns | {"learning_rate": np.full(epochs, 1e-3)})


def pictures(classes: Sequence[str], splits: dict[str, int]) -> pd.DataFrame:
    """A table of readable pictures, as many of each class as `splits` says."""
    rows = [
        (
            f"{split}/{place}/{number}.png",
            name,
            split,
            "ok",
            "",
            8,
            8,
            100,
            f"{split}{place}{number}",
        )
        for split, count in splits.items()
        for place, name in enumerate(classes)
        for number in range(count)
    ]
    names = ["locator", "label", "split", "status", "detail", "width", "height", "bytes"]
    names.append("content")
    return pd.DataFrame(rows, columns=names)


def answers(
    data: pd.DataFrame, classes: Sequence[str], wrong: int
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Scores and predictions in which `wrong` pictures of each split go to the next class."""
    metrics: dict[str, Any] = {}
    tables = []
    for split, rows in data.groupby("split", sort=False):
        labels = np.array([list(classes).index(label) for label in rows["label"]])
        said = labels.copy()
        said[:wrong] = (said[:wrong] + 1) % len(classes)
        shares = np.full((len(rows), len(classes)), 0.1 / max(1, len(classes) - 1))
        shares[np.arange(len(rows)), said] = np.linspace(0.9, 0.8, len(rows))
        shares /= shares.sum(axis=1, keepdims=True)
        metrics[str(split)] = score(labels, shares, classes).to_json()
        table = rows[["locator", "split", "label"]].assign(
            predicted=[classes[place] for place in said],
            confidence=shares.max(axis=1),
            probabilities=shares.tolist(),
        )
        tables.append(table)
    return metrics, pd.concat(tables, ignore_index=True)


def noise(_: str) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class Made:
    """The files of a run, and the pictures that its report shows."""

    classes: Sequence[str]
    data: pd.DataFrame
    metrics: dict[str, Any]
    predictions: pd.DataFrame
    history: pd.DataFrame
    recipe: Recipe
    timing: dict[str, Any]
    environment: dict[str, Any]
    picture: Callable[[str], np.ndarray | None] = noise
    model_summary: str = "dense (Dense)   (None, 2)   34"
    skipped: Sequence[tuple[str, str]] = ()
    probe: dict[str, Any] | None = None

    def written(self, folder: Path) -> Report:
        """The run in this folder, ready to be reported."""
        records = {"probe": self.probe} if self.probe else {}
        run = write_run(
            folder,
            classes=self.classes,
            data=self.data,
            metrics=self.metrics,
            predictions=self.predictions,
            history=self.history,
            recipe=self.recipe,
            environment=self.environment,
            timing=self.timing,
            skipped=self.skipped,
            **records,
        )
        run.write_model_summary(self.model_summary)
        return Report(run.folder, Diagnosis((), ()), self.picture)


def made_run(
    classes: Sequence[str] = ("cat", "dog"),
    splits: dict[str, int] | None = None,
    wrong: int = 2,
    epochs: int = 8,
    **changes: Any,
) -> Made:
    """A run to report on; `changes` replace its parts."""
    data = pictures(classes, splits or SPLITS)
    metrics, predictions = answers(data, classes, wrong)
    timing = {"epochs_s": [2.0] + [1.0] * (epochs - 1), "reading_s": 0.5, "total_s": 75.0}
    parts: dict[str, Any] = {
        "classes": list(classes),
        "data": data,
        "metrics": {"best_epoch": max(1, epochs - 1), **metrics},
        "predictions": predictions,
        "history": history(epochs, validation="validation" in metrics),
        "recipe": Recipe().changed({"training.epochs": 30, "training.augment": "gentle"}),
        "timing": {"ended": "finished", "interrupted": False, **timing},
        "environment": ENVIRONMENT,
    }
    parts["recipe"] = parts["recipe"].resolved((8, 8), "rgb")
    return Made(**parts | changes)
