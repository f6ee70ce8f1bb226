"""Runs side by side, from their folders."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from viewfinder.classifier import read_labels
from viewfinder.results.comparison import Comparison, RunRecord, compare_records
from viewfinder.run.run import Run


def compare(runs: Iterable[Run | str | Path]) -> Comparison:
    """Compare runs: what differs in recipe and data, their figures, and paired tests.

    The tests are of the pictures, by content, that all runs were judged on. No model is opened.

    Args:
        runs: Two or more, or their folders.

    Raises:
        UsageError: There are fewer than two.
        RunError: A folder is no run, or lacks a file.
    """
    opened = [run if isinstance(run, Run) else Run.open(run) for run in runs]
    names = _names(opened)
    return compare_records([_record(run, name) for run, name in zip(opened, names, strict=True)])


def _record(run: Run, name: str) -> RunRecord:
    return RunRecord(
        name=name,
        folder=str(run.folder),
        recipe=run.recipe.model_dump(mode="json"),
        environment=run.environment,
        metrics=run.metrics,
        history=run.history,
        data=run.data,
        predictions=run.predictions,
        classes=read_labels(run.folder)[0],
    )


def _names(runs: Sequence[Run]) -> list[str]:
    """The folders' names; of folders of one name, the paths; of one folder twice, numbers too."""
    names = [run.folder.resolve().name for run in runs]
    if len(set(names)) < len(names):
        names = [str(run.folder) for run in runs]
    if len(set(names)) < len(names):
        names = [f"{name} ({number})" for number, name in enumerate(names, start=1)]
    return names
