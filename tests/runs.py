"""Runs written file by file, for tests that read a run's folder and train nothing."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from viewfinder.classifier.files import write_labels
from viewfinder.recipe import Recipe
from viewfinder.run_folder import RunFolder

ENVIRONMENT = {
    "created": "2026-11-20T12:00:00+00:00",
    "backend": "numpy",
    "data": {"hash": "0", "source": {"kind": "folder", "path": "p"}, "notes": []},
}
TIMING = {"ended": "finished", "why": "", "interrupted": False}


def write_run(
    folder: Path,
    *,
    classes: Sequence[str],
    data: pd.DataFrame,
    metrics: Mapping[str, Any],
    predictions: pd.DataFrame,
    history: pd.DataFrame,
    recipe: Recipe | None = None,
    environment: Mapping[str, Any] = ENVIRONMENT,
    timing: Mapping[str, Any] = TIMING,
    skipped: Sequence[tuple[str, str]] = (),
    **records: Mapping[str, Any],
) -> RunFolder:
    """A run as `viewfinder train` writes it, but for models, plots and report.

    `skipped` are files beside the pictures, each a path and a reason; `records` are further JSON
    files by their stem, such as `probe`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    recipe = recipe or Recipe().resolved((8, 8), "rgb")
    (folder / "recipe.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    write_labels(folder, classes, recipe.preprocessing)
    records |= {"environment": environment, "metrics": metrics, "timing": timing}
    for name, record in records.items():
        text = json.dumps({"schema": 1, **record})
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    data.to_parquet(folder / "data.parquet", index=False)
    predictions.to_parquet(folder / "predictions.parquet", index=False)
    if len(history):
        history.to_csv(folder / "history.csv", index=False)
    rows = [(path, reason, "") for path, reason in skipped]
    table = pd.DataFrame(rows, columns=["path", "reason", "detail"])
    table.to_csv(folder / "skipped.csv", index=False)
    return RunFolder(folder)
