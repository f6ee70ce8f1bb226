"""What folders were read as, drawn as a small tree."""

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from viewfinder.core.words import counted, listed
from viewfinder.data.dataset import SPLITS, Dataset, sorted_classes
from viewfinder.data.layout import NO_PICTURES, NO_SPLIT, Layout

_MOST_ROWS = 6
# A path, and what it was read as.
_Row = tuple[str, str]


def layout_lines(dataset: Dataset) -> list[str]:
    """The folders of splits and classes, and those that were skipped; empty without folders."""
    layout = dataset.layout
    if layout is None or dataset.source.origin is not dataset.source:
        return []
    rows = [*_splits(dataset.table, layout), *_skipped(dataset, layout)]
    width = max(len(path) for path, _ in rows)
    corners = [*["├"] * (len(rows) - 1), "└"]
    kind = "splits" if any(layout.splits.values()) else "classes"
    return [
        f"Read as folders of {kind}:",
        *(
            f"  {corner}─ {path:<{width}}  {what}"
            for corner, (path, what) in zip(corners, rows, strict=True)
        ),
    ]


def _splits(table: pd.DataFrame, layout: Layout) -> Iterator[_Row]:
    free = np.ones(len(table), bool)
    rows: dict[str, pd.Series] = {}
    # The root, if it is a split, has what is in no other split.
    for folder in sorted(layout.splits, key=len, reverse=True):
        inside = free & np.asarray(table["locator"].str.startswith(_slashed(folder)))
        free &= ~inside
        rows[folder] = table["label"][inside]
    for folder, split in layout.splits.items():
        labels = rows[folder]
        if len(layout.splits) == 1 and not split and layout.labels == "outermost":
            yield from _classes(labels, folder, layout)
        else:
            names = listed(sorted_classes(set(labels)), _MOST_ROWS)
            yield _slashed(folder) or ".", f"{split or 'classes'}: {names} ({_counted(labels)})"


def _classes(labels: pd.Series, folder: str, layout: Layout) -> Iterator[_Row]:
    ordered = sorted(layout.inside, key=lambda name: SPLITS.index(layout.inside[name]))
    inside = f"{{{', '.join(ordered)}}}/" if ordered else ""
    counts = labels.value_counts()
    for name in sorted_classes(set(labels))[:_MOST_ROWS]:
        yield f"{_slashed(folder)}{name}/{inside}", f"class, {counted(counts[name], 'file')}"
    if len(counts) > _MOST_ROWS:
        yield "…", f"together {_counted(labels)}"


def _skipped(dataset: Dataset, layout: Layout) -> list[_Row]:
    skipped = dict(layout.skipped)
    for one in dataset.passed_over:
        if one.why == NO_PICTURES:
            skipped[one.path] = one.why
        elif one.why == NO_SPLIT:
            skipped[_outside(one.path, layout)] = one.why
    rows = [(_slashed(folder), f"skipped, {why}") for folder, why in skipped.items()]
    more = [("…", f"{len(rows) - _MOST_ROWS:,} more skipped")] if len(rows) > _MOST_ROWS else []
    return [*rows[:_MOST_ROWS], *more]


def _outside(path: str, layout: Layout) -> str:
    """The outermost part of the path that holds no split."""
    return next(
        path[:end]
        for end in [*(found.start() for found in re.finditer("/", path)), len(path)]
        if not any(split.startswith(_slashed(path[:end])) for split in layout.splits)
    )


def _slashed(folder: str) -> str:
    return f"{folder}/" if folder else ""


def _counted(labels: pd.Series) -> str:
    return f"{labels.nunique():,} classes, {len(labels):,} files"
