"""Made trainings: healthy ones, and ones with a single problem."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from viewfinder.evaluation.doctor import Case
from viewfinder.evaluation.evaluate import score
from viewfinder.recipe import Recipe

COUNTS = {"train": 2000, "validation": 1000, "test": 1000}


def scores(accuracy: float, count: int, classes: int = 2) -> dict[str, Any]:
    """Scores of a balanced split with the given accuracy."""
    labels = np.arange(count) % classes
    predicted = labels.copy()
    wrong = count - round(accuracy * count)
    predicted[:wrong] = (predicted[:wrong] + 1) % classes
    return answered(labels, predicted, classes)


def answered(labels: Sequence[int], predicted: Sequence[int], classes: int) -> dict[str, Any]:
    shares = np.full((len(labels), classes), 0.1 / (classes - 1))
    shares[np.arange(len(labels)), predicted] = 0.9
    return score(labels, shares, [f"class {number}" for number in range(classes)]).to_json()


def history(
    loss: Sequence[float],
    val_loss: Sequence[float],
    accuracy: Sequence[float] | None = None,
    val_accuracy: Sequence[float] | None = None,
) -> pd.DataFrame:
    epochs = len(loss)
    return pd.DataFrame(
        {
            "epoch": np.arange(1, epochs + 1),
            "loss": loss,
            "val_loss": val_loss,
            "accuracy": np.linspace(0.6, 0.93, epochs) if accuracy is None else accuracy,
            "val_accuracy": np.linspace(0.6, 0.9, epochs) if val_accuracy is None else val_accuracy,
        }
    )


def flat(start: float, end: float, epochs: int = 20, speed: float = 3.0) -> np.ndarray:
    """A curve from start to end that falls mostly in the first epochs."""
    return end + (start - end) * np.exp(-np.arange(epochs) / speed)


def recipe(
    epochs: int,
    learning_rate: float = 1e-3,
    *,
    schedule: str | dict[str, Any] = "constant",
    augment: Any = "none",
    dropout: float = 0.0,
    **settings: Any,
) -> Recipe:
    """A recipe of a small network without regularisation, with the given settings."""
    plain = {
        "model": {"kind": "conv-stack", "filters": [4], "dense": [4], "dropout": dropout},
        "training.epochs": epochs,
        "training.optimizer": {"kind": "adam", "learning_rate": learning_rate},
        "training.schedule": schedule,
        "training.augment": augment,
    }
    return Recipe().changed(plain | settings)


def case(
    table: pd.DataFrame | None = None,
    accuracies: dict[str, float] | None = None,
    counts: dict[str, int] | None = None,
    classes: int = 2,
    **changes: Any,
) -> Case:
    """A healthy training with the given changes."""
    accuracies = {"train": 0.94, "validation": 0.91, "test": 0.91} | (accuracies or {})
    counts = COUNTS | (counts or {})
    table = history(flat(0.69, 0.15), flat(0.69, 0.22)) if table is None else table
    fields: dict[str, Any] = {
        "history": table,
        "scores": {name: scores(accuracies[name], counts[name], classes) for name in counts},
        "recipe": recipe(max(1, len(table)), augment="standard", dropout=0.2),
        "class_counts": {f"class {number}": 1000 for number in range(classes)},
        "best_epoch": len(table),
        "decisions": (f"the best epoch ({len(table)})",),
        "given": frozenset({"train", "validation"}),
        "copies": 0,
        "units": [],
    }
    return Case(**fields | changes)
