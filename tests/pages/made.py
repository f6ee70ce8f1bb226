"""Made runs to report on: small, complete, and with one thing changed at a time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from viewfinder.evaluation.evaluate import score
from viewfinder.pages.report import ReportMaterial

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
    return pd.DataFrame(columns | {"learning_rate": np.full(epochs, 1e-3)})


def pictures(classes: Sequence[str], splits: dict[str, int]) -> pd.DataFrame:
    """A table of readable pictures, as many of each class as `splits` says."""
    rows = [
        (f"{split}/{place}/{number}.png", name, split, "ok", "", 8, 8, 100)
        for split, count in splits.items()
        for place, name in enumerate(classes)
        for number in range(count)
    ]
    names = ["locator", "label", "split", "status", "detail", "width", "height", "bytes"]
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


def material(
    classes: Sequence[str] = ("cat", "dog"),
    splits: dict[str, int] | None = None,
    wrong: int = 2,
    epochs: int = 8,
    **changes: Any,
) -> ReportMaterial:
    """A run to report on; `changes` replace fields of the material."""
    data = pictures(classes, splits or SPLITS)
    metrics, predictions = answers(data, classes, wrong)
    fields: dict[str, Any] = {
        "name": "made run",
        "created": "2026-11-20",
        "recipe": {"training": {"epochs": epochs, "seed": 1}, "augment": {"flip": True}},
        "environment": {"python": "3.11"},
        "timing": {"epochs_s": [2.0] + [1.0] * (epochs - 1), "reading_s": 0.5, "total_s": 75.0},
        "metrics": {"schema": 1, "best_epoch": max(1, epochs - 1), **metrics},
        "history": history(epochs, validation="validation" in metrics),
        "data": data,
        "predictions": predictions,
        "classes": list(classes),
        "model_summary": "dense (Dense)   (None, 2)   34",
        "interrupted": False,
        "steered_by": "validation",
        "picture": noise,
    }
    return ReportMaterial(**fields | changes)
