"""Finds what names a series, a token of file names or EXIF: pictures with a look of their own.

Every token that groups pictures is tested: do nearest neighbours within a class share it more often
than chance explains, with a correction for the number of tokens? An index or the counter of a split
does not predict the look and is not suggested. Of tokens that refine each other, the coarser one is
the series if its pictures look alike beyond the finer one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.audit.measurements import Measurements, survey
from viewfinder.audit.series import look
from viewfinder.audit.series.accuracy import accuracies
from viewfinder.audit.series.look import Likeness, Rows, Vectors, looks, shapes
from viewfinder.audit.series.names import expressions
from viewfinder.audit.series.series import Series
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources.grouping import BY_EXIF, groups_in, groups_of_shots, shots_of
from viewfinder.data.splits.groups import GROUP, by_column
from viewfinder.pictures.codecs.exif import Shot

# More pictures than these are sampled, in runs of neighbouring names.
_MOST_COMPARED = 2_500
# A token names a group for so many pictures, and groups so many of them.
_NAMED, _GROUPED = 0.9, 0.5
# So many files are opened to see whether files have EXIF.
_PROBED = 20
_SIGNIFICANT, _STRONG = 0.05, 0.1
_DRAWS, _DRAWS_EACH = 999, 60
_FEWEST_PICTURES, _FEWEST_SERIES = 24, 3
# Series are reported if the accuracy on whole series is lower, or if they look so alike.
_VERY_ALIKE = 0.5


@dataclass(frozen=True, eq=False)
class _Token:
    expression: str
    codes: Rows  # -1 without a match
    within: Rows  # the groups within classes
    likeness: Likeness = Likeness(0, 0, 1)  # noqa: RUF009


def find_series(
    dataset: Dataset,
    measurements: Measurements | None = None,
    features: NDArray[np.floating] | None = None,
    progress: Progress | None = None,
) -> Series | None:
    """Return the series that file names or EXIF name, or None where none predicts the look.

    Args:
        dataset: Labelled pictures without groups.
        measurements: The audit's measurements of these pictures; None to measure up to 2,500 of
            them, where names have tokens that group pictures.
        features: A vector for each picture, on which the accuracies are measured, shape `(n, d)`,
            NaN where missing; None for the measurements' small pictures.
        progress: Shows the measuring.

    Raises:
        OutputError: The audit's cache cannot be written.
    """
    if GROUP in dataset.table or not dataset.source.names_files or len(dataset.classes) < 2:
        return None
    usable = dataset.labels >= 0
    if measurements is not None:
        usable &= measurements.readable
    if features is not None:
        usable &= np.isfinite(features).all(axis=1)
    rows = sample(dataset.labels, np.flatnonzero(usable))
    if len(rows) < _FEWEST_PICTURES:
        return None
    part, labels = dataset.where(np.isin(np.arange(len(dataset)), rows)), dataset.labels[rows]
    locators = part.table["locator"]
    by_names = (
        (expression, groups_in(expression, locators, part.source))
        for expression in expressions(list(locators))
    )
    tokens = list(_tokens(part, labels, by_names))
    if measurements is None and not tokens and not _has_shots(part):
        return None
    measured = measurements.of_rows(rows) if measurements else survey(part, progress=progress)
    tokens += _tokens(part, labels, ((key, _groups(key, part, measured)) for key in BY_EXIF))
    found = _chosen(tokens, looks(measured), labels)
    if found is None:
        return None
    every = _groups(found.expression, dataset, measurements).to_numpy(object)
    keys = by_column(pd.DataFrame({GROUP: every[rows]}), GROUP)
    copies = by_column(measured.table, "pixels")
    evaluated = shapes(measured) if features is None else np.asarray(features[rows], np.float32)
    figures = accuracies(evaluated, labels, keys, copies)
    if found.likeness.strength < _VERY_ALIKE and not (figures and figures.differ):
        return None
    source = "the shapes in thumbnails" if features is None else "the given features"
    return Series(found.expression, every, found.likeness, figures, source)


def on_features(
    series: Series, dataset: Dataset, features: NDArray[np.float32], name: str
) -> Series:
    """Return the series with the accuracies of a linear classifier on these features.

    Args:
        series: The series.
        dataset: Pictures that have been read.
        features: A finite vector for each of them, shape `(n, d)`.
        name: What computes the features.
    """
    rows = sample(dataset.labels, np.arange(len(dataset)))
    table = dataset.table.iloc[rows]
    groups = groups_in(series.expression, table["locator"], dataset.source)
    table = table.assign(**{GROUP: groups})
    keys, copies = by_column(table, GROUP), by_column(table, "content")
    figures = accuracies(features[rows], dataset.labels[rows], keys, copies)
    return replace(series, accuracies=figures, measured_on=f"the features of {name}")


def sample(labels: Rows, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """The rows, or of each class a run of neighbouring names, which contains whole series."""
    if len(rows) <= _MOST_COMPARED:
        return rows
    share = _MOST_COMPARED / len(rows)
    classes = (np.flatnonzero(labels[rows] == label) for label in np.unique(labels[rows]))
    kept = [members[: max(2, int(len(members) * share))] for members in classes]
    return np.sort(rows[np.concatenate(kept)])


def _tokens(
    dataset: Dataset, labels: Rows, groupings: Iterable[tuple[str, pd.Series]]
) -> Iterator[_Token]:
    """Yield the tokens that group pictures within classes; the simplest for each grouping."""
    splits, _ = pd.factorize(dataset.table["split"])
    seen: set[bytes] = set()
    for expression, names in groupings:
        codes = pd.factorize(names.where(names != ""))[0].astype(np.int64)
        if codes.tobytes() in seen:
            continue
        seen.add(codes.tobytes())
        within = np.where(codes < 0, -1, _joined(codes, labels))
        if _groups_pictures(within, labels) and not _refines(splits, codes):
            yield _Token(expression, codes, pd.factorize(within)[0].astype(np.int64))


def _has_shots(dataset: Dataset) -> bool:
    """Whether files have EXIF, as some of them tell."""
    locators = dataset.table["locator"]
    some = locators.iloc[:: max(1, len(locators) // _PROBED)]
    return bool(np.mean([shot != Shot() for shot in shots_of(dataset.source, some)]) >= _NAMED)


def _groups(group_from: str, dataset: Dataset, measured: Measurements | None) -> pd.Series:
    """Return the group of each picture, from EXIF as it was measured where it was."""
    locators = dataset.table["locator"]
    if measured is None or group_from not in BY_EXIF:
        return groups_in(group_from, locators, dataset.source)
    columns = measured.table[list(Shot._fields)]
    shots = (Shot(*row) for row in columns.itertuples(index=False))
    return groups_of_shots(group_from, shots, locators)


def _joined(first: Rows, second: Rows) -> Rows:
    return first * (int(second.max()) + 1) + second


def _groups_pictures(within: Rows, labels: Rows) -> bool:
    """Whether most pictures are in a group of two or more, and classes have several groups."""
    _, numbers, sizes = np.unique(within, return_inverse=True, return_counts=True)
    is_named = within >= 0
    is_grouped = is_named & (sizes[numbers] > 1)
    several = pd.Series(within[is_named]).groupby(labels[is_named]).nunique()
    if several.median() < _FEWEST_SERIES:
        return False
    return bool(
        is_named.mean() >= _NAMED
        and is_grouped.mean() >= _GROUPED
        and (several.reindex(np.unique(labels), fill_value=0) > 1).all()
    )


def _refines(fine: Rows, coarse: Rows) -> bool:
    """Whether each group of `fine` lies within one of `coarse`."""
    return len(np.unique(_joined(fine - fine.min(), coarse - coarse.min()))) == len(np.unique(fine))


def _chosen(tokens: Sequence[_Token], rows: Vectors, labels: Rows) -> _Token | None:
    """The token that predicts the look best; of those that do so equally, the coarsest."""
    distinct = {token.within.tobytes(): token for token in reversed(tokens)}
    draws = max(_DRAWS, _DRAWS_EACH * len(distinct))
    nearest = look.nearest_in_class(rows, labels)

    def is_surely_alike(found: Likeness) -> bool:
        return found.strength >= _STRONG and found.p * len(distinct) <= _SIGNIFICANT

    def tested(codes: Rows, neighbours: Rows) -> Likeness:
        few = look.likeness(codes, labels, neighbours, draws=30)  # most tokens end here
        return look.likeness(codes, labels, neighbours, draws) if few.strength >= _STRONG else few

    alike = [
        _Token(token.expression, token.codes, token.within, found)
        for token in distinct.values()
        if is_surely_alike(found := tested(token.codes, nearest))
    ]
    kept = list(alike)
    for fine, coarse in permutations(alike, 2):
        if fine in kept and coarse in kept and _refines(fine.within, coarse.within):
            apart = look.nearest_in_class(rows, labels, fine.within)
            kept.remove(fine if is_surely_alike(tested(coarse.codes, apart)) else coarse)
    if not kept:
        return None
    best = max(kept, key=lambda token: token.likeness.strength)
    same = [token for token in tokens if (token.within == best.within).all()]
    # Whether pictures of one token look alike in other classes too decides which of these it is.
    coarsest = min(same, key=lambda token: int(token.codes.max()))
    finest = max(same, key=lambda token: int(token.codes.max()))
    across = look.nearest_in_other_classes(rows, labels)
    token = coarsest if is_surely_alike(tested(coarsest.codes, across)) else finest
    return _Token(token.expression, token.codes, token.within, best.likeness)
