"""Groups that file names tell: `horse01-3.jpg` is a frame of horse01, as all of `horse01-…` are."""

import re

import pandas as pd

from viewfinder.core.errors import UsageError
from viewfinder.data.dataset import UNSPLIT, Dataset
from viewfinder.data.sources.layout import read_pattern, search
from viewfinder.data.splits.groups import GROUP

_OPTION = "--group-from"
_EXPECTED = r"a group around what stays on one side, such as '^([a-z]+\d+)-'"


def grouped_by_names(dataset: Dataset, group_from: str) -> Dataset:
    """The dataset with the column `group`: what a pattern finds in each picture's file name.

    Pictures in which it finds nothing stand alone. A note says how many there are of each.

    Args:
        dataset: Pictures that are files, without groups.
        group_from: A regular expression. What its group named `group` matches is the group, or
            else what all of its groups match, with slashes between. Only where it has a slash does
            it see the folders, too.

    Raises:
        UsageError: The expression cannot be used or matches no file, pictures have no file names,
            or the dataset has groups already.
    """
    pattern = read_pattern(_OPTION, group_from, _EXPECTED)
    _require_names(dataset, group_from)
    _require_no_groups(dataset)
    groups = dataset.table["locator"].map(lambda locator: _group_in(pattern, locator))
    matched = groups != ""
    if not matched.any():
        raise UsageError(
            f"{_OPTION} finds no group in any file name.",
            expected=f"a match in names such as {dataset.table['locator'].iloc[0]}",
            received=group_from,
        )
    grouped = dataset.with_columns({GROUP: groups.astype("str").array})
    return grouped.noting(_in_words(groups[matched], len(groups) - int(matched.sum()), grouped))


def _group_in(pattern: re.Pattern[str], locator: str) -> str:
    match = search(pattern, locator)
    if match is None:
        return ""
    if "group" in pattern.groupindex:
        return match["group"] or ""
    parts = match.groups(default="")
    return "/".join(parts) if any(parts) else ""


def _in_words(groups: pd.Series, alone: int, dataset: Dataset) -> str:
    said = f"{_OPTION}: {len(groups):,} pictures in {_counted(groups)}"
    if alone:
        verbs = ("matches", "stands") if alone == 1 else ("match", "stand")
        said += f"; {alone:,} {verbs[0]} nothing and {verbs[1]} alone"
    placed = dataset.table[(dataset.table[GROUP] != "") & (dataset.table["split"] != UNSPLIT)]
    torn = int((placed.groupby(GROUP)["split"].nunique() > 1).sum())
    if torn:
        said += f"; {torn:,} of the groups {'is' if torn == 1 else 'are'} in several splits already"
    return f"{said}."


def _counted(groups: pd.Series) -> str:
    count = int(groups.nunique())
    return f"{count:,} group{'' if count == 1 else 's'}"


def _require_names(dataset: Dataset, group_from: str) -> None:
    if not dataset.source.names_files:
        raise UsageError(
            f"{_OPTION} cannot be used with {dataset.source}: its pictures have no file names.",
            expected="pictures that are files: folders, archives, tables of paths",
            received=f"{group_from}, for pictures such as {dataset.table['locator'].iloc[0]}",
            remedy=f"leave {_OPTION} away",
        )


def _require_no_groups(dataset: Dataset) -> None:
    if GROUP not in dataset.table:
        return
    there = dataset.table[GROUP]
    there = there[there != ""]
    if len(there):
        raise UsageError(
            f"{_OPTION} cannot be used with {dataset.source}: its pictures have groups already.",
            expected="one of: --group-from, --group-by, the table's own groups, an earlier split's",
            received=f"{_counted(there)}, such as {there.iloc[0]!r}",
            remedy=f"leave {_OPTION} away; or open the data without those groups",
        )
