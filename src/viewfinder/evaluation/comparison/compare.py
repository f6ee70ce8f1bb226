"""Runs side by side: differences, figures, and paired tests."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from viewfinder.core.errors import UsageError
from viewfinder.evaluation.comparison.paired import PairedSplit, paired_split
from viewfinder.run_folder import RunFolder

_SPLITS = ("test", "validation")
# Settings that have no effect on the figures.
_NOT_COMPARED = {"summary"}
# The names of facts, by dotted key; a recipe's settings keep their keys.
_HASH = "data.hash"
_WORDS = {
    "recipe.name": "recipe",
    _HASH: "pictures and their splits",
    "data.source.path": "data",
    "data.source.kind": "kind of data",
    "data.source.inner.path": "data that was saved from",
    "data.classes": "classes",
    "data.pictures.train": "training pictures",
    "data.pictures.validation": "validation pictures",
    "data.pictures.test": "test pictures",
}
_PREFIXES = {"recipe.": "", "data.source.": "data: ", "versions.": "version of "}


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting or fact in which the runs differ: its dotted key, and each run's value."""

    key: str
    values: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of what differs; a recipe's setting has its dotted key."""
        if self.key in _WORDS:
            return _WORDS[self.key]
        prefix = next((start for start in _PREFIXES if self.key.startswith(start)), "")
        return _PREFIXES.get(prefix, "") + self.key.removeprefix(prefix)

    @property
    def shown(self) -> tuple[str, ...]:
        """Each run's value for people; equal hashes become equal set numbers."""
        if self.key != _HASH:
            return self.values
        seen = list(dict.fromkeys(self.values))
        return tuple(f"set {seen.index(value) + 1}" for value in self.values)


@dataclass(frozen=True, slots=True)
class Score:
    """A run's figures on one split.

    Attributes:
        run: The run's name.
        split: The split.
        count: Pictures.
        accuracy: 0 to 1.
        accuracy_interval: Its 95 % Wilson interval.
        loss: Mean cross-entropy in nats.
        is_optimistic: Whether these pictures chose the run's best epoch.
    """

    run: str
    split: str
    count: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    loss: float
    is_optimistic: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side.

    Attributes:
        names: The runs' names.
        runs: The folders of the runs.
        differences: Differences in recipe, data and machine.
        scores: Each run's figures on each split on which it was evaluated.
        splits: The paired tests, for each of test and validation on which all runs were evaluated.
    """

    names: tuple[str, ...]
    runs: tuple[RunFolder, ...]
    differences: tuple[Difference, ...]
    scores: tuple[Score, ...]
    splits: tuple[PairedSplit, ...]

    def to_json(self) -> dict[str, Any]:
        """What `viewfinder compare --json` prints; see docs/formats.md."""
        pairs = zip(self.names, self.runs, strict=True)
        return {
            "schema": 1,
            "runs": [{"name": name, "folder": str(run.folder)} for name, run in pairs],
            "differences": [asdict(difference) for difference in self.differences],
            "scores": [asdict(score) for score in self.scores],
            "splits": [split.to_json() for split in self.splits],
        }


def compare(runs: Iterable[RunFolder | str | Path]) -> Comparison:
    """Compare runs: recipe, data, figures, and paired tests on the same pictures.

    The tests use the pictures, by content, on which all runs were evaluated. No model is opened.

    Args:
        runs: Two or more runs, or their folders.

    Raises:
        UsageError: There are fewer than two.
        RunError: A folder is no run, or lacks a file.
    """
    opened = [run if isinstance(run, RunFolder) else RunFolder.open(run) for run in runs]
    names = _names(opened)
    if len(opened) < 2:
        raise UsageError(
            "There is nothing to compare.",
            expected="two runs or more",
            received=", ".join(names) or "none",
        )
    metrics = [run.metrics for run in opened]
    shared = [split for split in _SPLITS if all(split in scores for scores in metrics)]
    return Comparison(
        names=tuple(names),
        runs=tuple(opened),
        differences=tuple(_differences(opened)),
        scores=tuple(_scores(names, metrics)),
        splits=tuple(paired_split(names, opened, split) for split in shared),
    )


def _names(runs: Sequence[RunFolder]) -> list[str]:
    """The folders' names; the paths where names recur; numbered where paths recur."""
    names = [run.folder.resolve().name for run in runs]
    if len(set(names)) < len(names):
        names = [str(run.folder) for run in runs]
    if len(set(names)) < len(names):
        names = [f"{name} ({number})" for number, name in enumerate(names, start=1)]
    return names


def _differences(runs: Sequence[RunFolder]) -> list[Difference]:
    trees = [dict(settings(_facts(run))) for run in runs]
    keys = dict.fromkeys(key for tree in trees for key in tree)
    rows = [(key, tuple(tree.get(key, "–") for tree in trees)) for key in keys]
    return [Difference(key, values) for key, values in rows if len(set(values)) > 1]


def _facts(run: RunFolder) -> Mapping[str, Any]:
    """What a run depended on, nested: recipe, data, backend."""
    environment, data = run.environment, run.data
    usable = data[data["status"] == "ok"]
    return {
        "recipe": run.recipe.model_dump(mode="json", exclude=_NOT_COMPARED),
        "data": {
            "hash": environment["data"].get("hash", "unknown"),
            "source": environment["data"].get("source", {}),
            "classes": list(run.classes),
            "pictures": {
                split: int(count) for split, count in usable["split"].value_counts().items()
            },
        },
        "backend": environment.get("backend", "unknown"),
        "versions": environment.get("versions", {}),
        "epochs done": len(run.history),
        "best epoch": run.metrics.get("best_epoch"),
    }


def _scores(names: Sequence[str], metrics: Sequence[Mapping[str, Any]]) -> list[Score]:
    return [
        Score(
            name,
            split,
            scores["count"],
            scores["accuracy"],
            (scores["accuracy_interval"][0], scores["accuracy_interval"][1]),
            scores["loss"],
            is_optimistic=split == "validation" and of_run.get("best_epoch") is not None,
        )
        for split in ("test", "validation", "train")
        for name, of_run in zip(names, metrics, strict=True)
        if (scores := of_run.get(split))
    ]


def settings(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as rows of a dotted key and a value."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _setting(value)


def _setting(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(_setting(item) for item in value) or "none"
        case Mapping():
            return ", ".join(f"{key}: {_setting(item)}" for key, item in value.items()) or "none"
        case _:
            return str(value)
