"""Groups from file names, or from EXIF: `horse01-3.jpg` belongs to the group horse01."""

import re
from collections.abc import Iterable, Iterator

import pandas as pd

from viewfinder.core.errors import RejectedPicture, UsageError
from viewfinder.core.words import counted
from viewfinder.data.dataset import UNSPLIT, Dataset
from viewfinder.data.source import Source
from viewfinder.data.sources.listing import read_pattern, search
from viewfinder.data.splits.groups import GROUP
from viewfinder.pictures.codecs.exif import Shot, shot_of

_EXPECTED = r"a group around what stays in one split, such as '^([a-z]+\d+)-'"

# In place of an expression, the letters of the time that count beside the camera.
BY_EXIF = {"exif:camera": 0, "exif:day": 10, "exif:hour": 13, "exif:minute": 16}


def with_groups_from(dataset: Dataset, group_from: str) -> Dataset:
    """Return the dataset with the column `group`: what a pattern finds in each file's name.

    Pictures without a match stand alone. A note counts both.

    Args:
        dataset: Pictures that are files, without groups.
        group_from: A regular expression. A picture's group is what the group named `group` matches,
            or else what all groups match, joined by slashes. It searches the file name; if it has
            a slash, the whole path. Or `exif:camera`, `exif:day`, `exif:hour` or `exif:minute`:
            pictures of one camera, and of one day, hour or minute of it, are a group.

    Raises:
        UsageError: The expression is invalid or matches no file, the pictures have no file names,
            or the dataset has groups already.
    """
    is_exif = group_from in BY_EXIF
    if not is_exif:
        read_pattern("group_from", group_from, _EXPECTED)
    _require_names(dataset, group_from)
    _require_no_groups(dataset)
    locators = dataset.table["locator"]
    groups = groups_in(group_from, locators, dataset.source)
    matched = groups != ""
    if not matched.any():
        place, expected = "any file name", f"a match in names such as {locators.iloc[0]}"
        if is_exif:
            place, expected = "the EXIF data of any file", "files as a camera has written them"
        raise UsageError(
            f"`group_from` finds no group in {place}.", expected=expected, received=group_from
        )
    grouped = dataset.with_columns({GROUP: groups.astype("str").array})
    note = _note(groups[matched], len(groups) - int(matched.sum()), grouped)
    return grouped.noting(f"Groups from {'EXIF' if is_exif else 'file names'}: {note}")


def carrier_of(group_from: str) -> str:
    """Return what names the groups that a `group_from` finds, as the start of a clause."""
    return "EXIF data tell" if group_from in BY_EXIF else "file names carry"


def groups_in(group_from: str, locators: pd.Series, source: Source) -> pd.Series:
    """Return the group that a valid `group_from` finds for each picture, "" without one."""
    if group_from in BY_EXIF:
        return groups_of_shots(group_from, shots_of(source, locators), locators)
    pattern = re.compile(group_from)
    return locators.map(lambda locator: _group_in(pattern, locator))


def shots_of(source: Source, locators: Iterable[str]) -> Iterator[Shot]:
    """Read when and by what each picture was taken."""
    for locator in locators:
        try:
            yield shot_of(source.read(locator))
        except RejectedPicture:
            yield Shot()


def groups_of_shots(group_from: str, shots: Iterable[Shot], locators: pd.Series) -> pd.Series:
    """Return each picture's group by a key of `BY_EXIF`, "" where EXIF lacks it."""
    letters = BY_EXIF[group_from]

    def group(shot: Shot) -> str:
        parts = (shot.camera, shot.serial, shot.time[:letters].replace(":", "-", 2))
        is_known = shot.time if letters else shot.camera
        return " ".join(part for part in parts if part) if is_known else ""

    return pd.Series([group(shot) for shot in shots], locators.index, dtype="str")


def _group_in(pattern: re.Pattern[str], locator: str) -> str:
    match = search(pattern, locator)
    if match is None:
        return ""
    if "group" in pattern.groupindex:
        return match["group"] or ""
    parts = match.groups(default="")
    return "/".join(parts) if any(parts) else ""


def _note(groups: pd.Series, alone: int, dataset: Dataset) -> str:
    note = f"{len(groups):,} pictures in {counted(groups.nunique(), 'group')}"
    if alone:
        note += f"; {alone:,} without a match {'stands' if alone == 1 else 'stand'} alone"
    placed = dataset.table[(dataset.table[GROUP] != "") & (dataset.table["split"] != UNSPLIT)]
    torn = int((placed.groupby(GROUP)["split"].nunique() > 1).sum())
    if torn:
        note += f"; {torn:,} of the groups {'is' if torn == 1 else 'are'} in several splits already"
    return f"{note}."


def _require_names(dataset: Dataset, group_from: str) -> None:
    if not dataset.source.names_files:
        raise UsageError(
            f"`group_from` cannot be used with {dataset.source}: its pictures have no file names.",
            expected="pictures that are files: folders, archives, tables of paths",
            received=f"{group_from}, for pictures such as {dataset.table['locator'].iloc[0]}",
            remedy="omit `group_from`",
        )


def _require_no_groups(dataset: Dataset) -> None:
    if GROUP not in dataset.table:
        return
    groups = dataset.table[GROUP]
    groups = groups[groups != ""]
    if len(groups):
        raise UsageError(
            f"`group_from` cannot be used with {dataset.source}: its pictures have groups already.",
            expected="one of: `group_from`, `group_by`, the table's own groups, an earlier split's",
            received=f"{counted(groups.nunique(), 'group')}, such as {groups.iloc[0]!r}",
            remedy="omit `group_from`, or open the data without those groups",
        )
