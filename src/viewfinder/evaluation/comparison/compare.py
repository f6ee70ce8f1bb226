"""From records to a comparison."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from viewfinder.classifier import read_labels
from viewfinder.core.errors import UsageError
from viewfinder.evaluation.comparison.paired import PairedSplit, RunRecord, paired_split
from viewfinder.evaluation.comparison.settings import settings
from viewfinder.run_folder import RunFiles

_SPLITS = ("test", "validation")
# What says nothing of how a run came to its figures.
_NOT_COMPARED = {"summary"}
# Facts by their dotted keys, in words; a recipe's settings are called as `--set` calls them.
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
        """What differs, in words; a recipe's setting as `--set` takes it."""
        if self.key in _WORDS:
            return _WORDS[self.key]
        prefix = next((one for one in _PREFIXES if self.key.startswith(one)), "")
        return _PREFIXES.get(prefix, "") + self.key.removeprefix(prefix)

    @property
    def shown(self) -> tuple[str, ...]:
        """Each run's value for people: a hash only says which runs have the same pictures."""
        if self.key != _HASH:
            return self.values
        seen = list(dict.fromkeys(self.values))
        return tuple(f"set {seen.index(value) + 1}" for value in self.values)


@dataclass(frozen=True, slots=True)
class Score:
    """A run's figures on one split.

    Attributes:
        run: Its name.
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
        records: What was compared.
        differences: What differs in recipe, data and machine; nothing that is alike.
        scores: Each run's figures on each split that some run was judged on.
        splits: The paired tests, for each of test and validation that all runs were judged on.
    """

    records: tuple[RunRecord, ...]
    differences: tuple[Difference, ...]
    scores: tuple[Score, ...]
    splits: tuple[PairedSplit, ...]

    @property
    def names(self) -> list[str]:
        """The runs' names, in their order."""
        return [record.name for record in self.records]

    def to_json(self) -> dict[str, Any]:
        """What `viewfinder compare --json` prints; see docs/formats.md."""
        return {
            "schema": 1,
            "runs": [{"name": one.name, "folder": one.folder} for one in self.records],
            "differences": [asdict(one) for one in self.differences],
            "scores": [asdict(one) for one in self.scores],
            "splits": [one.to_json() for one in self.splits],
        }


def compare_records(records: Sequence[RunRecord]) -> Comparison:
    """Compare runs: settings, figures, and their answers to the same pictures.

    Raises:
        UsageError: There are fewer than two.
    """
    if len(records) < 2:
        raise UsageError(
            "There is nothing to compare.",
            expected="two runs or more",
            received=", ".join(record.name for record in records) or "none",
        )
    judged = [one for one in _SPLITS if all(one in record.metrics for record in records)]
    return Comparison(
        records=tuple(records),
        differences=tuple(_differences(records)),
        scores=tuple(_scores(records)),
        splits=tuple(paired_split(records, split) for split in judged),
    )


def _differences(records: Sequence[RunRecord]) -> list[Difference]:
    trees = [dict(settings(_facts(record))) for record in records]
    keys = dict.fromkeys(key for tree in trees for key in tree)
    rows = [(key, tuple(tree.get(key, "–") for tree in trees)) for key in keys]
    return [Difference(key, values) for key, values in rows if len(set(values)) > 1]


def _facts(record: RunRecord) -> Mapping[str, Any]:
    """What a run depended on, nested: recipe, data, backend."""
    recipe = {key: value for key, value in record.recipe.items() if key not in _NOT_COMPARED}
    usable = record.data[record.data["status"] == "ok"]
    environment = record.environment
    return {
        "recipe": recipe,
        "data": {
            "hash": environment["data"].get("hash", "unknown"),
            "source": environment["data"].get("source", {}),
            "classes": list(record.classes),
            "pictures": {
                split: int(count) for split, count in usable["split"].value_counts().items()
            },
        },
        "backend": environment.get("backend", "unknown"),
        "versions": environment.get("versions", {}),
        "epochs done": len(record.history),
        "best epoch": record.metrics.get("best_epoch"),
    }


def _scores(records: Sequence[RunRecord]) -> list[Score]:
    return [
        Score(
            record.name,
            split,
            scores["count"],
            scores["accuracy"],
            (scores["accuracy_interval"][0], scores["accuracy_interval"][1]),
            scores["loss"],
            is_optimistic=split == "validation" and record.metrics.get("best_epoch") is not None,
        )
        for split in ("test", "validation", "train")
        for record in records
        if (scores := record.metrics.get(split))
    ]


def compare(runs: Iterable[RunFiles | str | Path]) -> Comparison:
    """Compare runs: what differs in recipe and data, their figures, and paired tests.

    The tests are of the pictures, by content, that all runs were judged on. No model is opened.

    Args:
        runs: Two or more, or their folders.

    Raises:
        UsageError: There are fewer than two.
        RunError: A folder is no run, or lacks a file.
    """
    opened = [run if isinstance(run, RunFiles) else RunFiles.open(run) for run in runs]
    names = _names(opened)
    return compare_records([_record(run, name) for run, name in zip(opened, names, strict=True)])


def _record(run: RunFiles, name: str) -> RunRecord:
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


def _names(runs: Sequence[RunFiles]) -> list[str]:
    """The folders' names; of folders of one name, the paths; of one folder twice, numbers too."""
    names = [run.folder.resolve().name for run in runs]
    if len(set(names)) < len(names):
        names = [str(run.folder) for run in runs]
    if len(set(names)) < len(names):
        names = [f"{name} ({number})" for number, name in enumerate(names, start=1)]
    return names
