"""The report's tables, as rows of texts and numbers."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from viewfinder.pages.parts.words import counted, duration, number, percent
from viewfinder.pages.report.report import Report
from viewfinder.pages.report.scores import MOST_IN_TABLE

if TYPE_CHECKING:
    import pandas as pd

_FEW_PAIRS, _MOST_PAIRS = 6, 60
_MOST_SKIPPED = 200
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How many usable pictures of a class each split has, in the order of `SPLITS`."""

    name: str
    counts: tuple[int, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """A pair of confused classes: `count` of the `of` pictures of `true` got `predicted`.

    `place` is the identifier of its pictures in the page.
    """

    true: str
    predicted: str
    count: int
    of: int
    place: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """The files left out: how many for which reason, a row a file, and how many are not listed."""

    reasons: tuple[tuple[str, int], ...]
    rows: tuple[tuple[str, str, str], ...]
    unlisted: int


def confused_pairs(report: Report) -> list[Confusion]:
    """The pairs (true class, answer) with the most mistakes, most first.

    More of them where the confusion matrix is a figure, whose cells open nothing.
    """
    if report.headline is None:
        return []
    counts = np.asarray(report.headline["confusion"])
    sums = counts.sum(axis=1)
    wrong = counts - np.diag(np.diag(counts))
    names = [one["name"] for one in report.headline["per_class"]]
    most = _FEW_PAIRS if len(names) <= MOST_IN_TABLE else _MOST_PAIRS
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [divmod(int(place), len(names)) for place in order]
    return [
        Confusion(
            names[true],
            names[answer],
            int(wrong[true, answer]),
            int(sums[true]),
            f"cell-{true}-{answer}",
        )
        for true, answer in pairs
        if wrong[true, answer]
    ]


def class_counts(report: Report) -> list[ClassCount]:
    """A row a class, in class order."""
    usable = report.usable
    counts = usable.groupby(["label", "split"], observed=True).size().to_dict()
    rows = []
    for name in report.classes:
        row = tuple(int(counts.get((name, split), 0)) for split in SPLITS)
        rows.append(ClassCount(name, row, sum(row)))
    return rows


def split_totals(rows: list[ClassCount]) -> ClassCount:
    """The sums of the columns."""
    sums = tuple(sum(row.counts[place] for row in rows) for place in range(len(SPLITS)))
    return ClassCount("all", sums, sum(sums))


def size_sentence(report: Report) -> str:
    """How large the usable pictures are, in one sentence, or "" when it is not known."""
    sizes = report.usable[["width", "height"]].dropna().astype(int)
    if sizes.empty:
        return ""
    kinds = sizes.value_counts()
    width, height = kinds.index[0]
    if len(kinds) == 1:
        return f"Every picture is {_size(width, height)}."
    areas = (sizes["width"] * sizes["height"]).sort_values(kind="stable")
    small, middle, large = (_size(*sizes.loc[areas.index[at]]) for at in (0, len(areas) // 2, -1))
    return (
        f"Pictures go from {small} to {large}; the middle one is {middle}. The commonest size is "
        f"{_size(width, height)} ({percent(kinds.iloc[0] / len(sizes))})."
    )


def _size(width: int, height: int) -> str:
    return f"{number(int(width))}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}{number(int(height))}"


def skipped(report: Report) -> Skipped:
    """The files that were left out, and why: rejected pictures, then files that are no picture."""
    rejected = report.data[report.data["status"] != "ok"]
    ordered = rejected.sort_values(["status", "locator"], kind="stable")
    rows = [_skipped_row(row) for row in ordered.to_dict("records")]
    rows += [(path, why, "") for path, why in report.passed_over()]
    reasons = Counter(why for _, why, _ in rows)
    return Skipped(
        reasons=tuple(reasons.most_common()),
        rows=tuple(rows[:_MOST_SKIPPED]),
        unlisted=max(0, len(rows) - _MOST_SKIPPED),
    )


def _skipped_row(row: Mapping[Any, Any]) -> tuple[str, str, str]:
    detail = row["detail"]
    return str(row["locator"]), str(row["status"]), detail if isinstance(detail, str) else ""


def epoch_seconds(report: Report) -> list[float]:
    """The seconds that each epoch took, as far as they were measured; a linear head has none."""
    if report.probe:
        return []
    return [float(value) for value in report.timing.get("epochs_s") or [] if _is_time(value)]


def timing_rows(report: Report) -> list[tuple[str, str]]:
    """How long each part took, and why the training ended."""
    rows = []
    if ended := report.timing.get("ended"):
        rows.append(("why training ended", report.timing.get("why") or ended))
    epochs = epoch_seconds(report)
    if epochs:
        # The first epoch also compiles, so it says little about the others.
        typical = float(np.median(epochs[1:] or epochs))
        rows.append((counted(len(epochs), "epoch"), duration(sum(epochs))))
        rows.append(("a typical epoch", duration(typical)))
    for key, value in report.timing.items():
        if key.endswith("_s") and _is_time(value):
            rows.append((key.removesuffix("_s").replace("_", " "), duration(float(value))))
    return rows


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def history_rows(history: "pd.DataFrame") -> list[dict[str, Any]]:
    """The history as rows of texts."""
    return [
        {str(key): _history_value(key, value) for key, value in row.items()}
        for row in history.to_dict("records")
    ]


def _history_value(key: Any, value: Any) -> str:
    if key == "epoch":
        return f"{int(value)}"
    if isinstance(value, str):  # the size of the pictures
        return value
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.2e}" if key == "learning_rate" else f"{value:.4f}"
