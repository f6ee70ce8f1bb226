"""Find what each column of a table is: by its name, or without a header by its cells."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from viewfinder.core.errors import DataError
from viewfinder.core.words import listed
from viewfinder.data.sources.columns import (
    FOLDS,
    GROUPS,
    LABELS,
    PATHS,
    PIXELS,
    SERIES,
    SPLITS,
    as_marks,
    column_named,
    given_column,
    split_marked,
)
from viewfinder.data.sources.delimited import TEXT_ENDINGS, is_number, names_a_picture, names_pixels
from viewfinder.data.sources.folder_names import split_named
from viewfinder.data.sources.hints import Columns

# The share of a column's cells that must name pictures, so that it holds paths.
_MOST_PATHS = 0.9
# How many columns a message names.
_MOST_NAMES = 12


@dataclass(frozen=True)
class Roles:
    """What each column of a table was taken for.

    Attributes:
        path: Paths of pictures.
        labels: The column of labels; or a column for each class, one-hot.
        split: Train, validation or test.
        marks: Columns of yes and no that mark a split, such as `is_valid`.
        fold: The numbers of folds.
        group: What must stay in one split.
    """

    path: str
    labels: tuple[str, ...]
    split: str | None = None
    marks: tuple[str, ...] = ()
    fold: str | None = None
    group: str | None = None

    @property
    def columns(self) -> list[str]:
        """All columns that are used, each once."""
        used = (self.path, *self.labels, self.split, *self.marks, self.fold, self.group)
        return list(dict.fromkeys(name for name in used if name is not None))

    def in_words(self, names: Sequence[str], *, has_header: bool) -> str:
        """What was taken for what, and what was ignored."""
        one_hot = len(self.labels) > 1
        taken = {
            "paths": self.path,
            "labels": f"{len(self.labels)} columns, a class each" if one_hot else self.labels[0],
            "splits": self.split or " and ".join(self.marks) or None,
            "folds": self.fold,
            "groups": self.group,
        }
        words = ", ".join(f"{what} from {name}" for what, name in taken.items() if name)
        ignored = [name for name in names if name not in self.columns and name]
        if ignored:
            words += f"; ignored: {listed(ignored, _MOST_NAMES)}"
        if not has_header:
            return f"Columns, numbered from 0: {words}."
        series = column_named(ignored, SERIES) if self.group is None else None
        if series is None:
            return f"Columns: {words}."
        return (
            f"Columns: {words}. If pictures of one {series} belong together, viewfinder split "
            f"--group-by {shlex.quote(series)} keeps them in one split."
        )


@dataclass(frozen=True)
class Table:
    """A table whose columns can be read one by one.

    Attributes:
        name: For messages.
        names: The names of the columns; their indices if there is no header.
        read: Returns the cells of these columns as text.
        has_header: Whether the columns have names.
    """

    name: str
    names: list[str]
    read: Callable[[list[str]], pd.DataFrame]
    has_header: bool = True


def find_roles(table: Table, given: Columns) -> Roles:
    """Resolve the columns: those given, then by their names, then by their cells.

    Raises:
        UsageError: A given column does not exist.
        DataError: There is no column of paths or of labels, or several may be.
    """
    if not table.has_header:
        return _without_header(table, given)
    names = table.names
    path = given_column(names, given.path) or column_named(names, PATHS)
    is_pixels = names_pixels(names) or (path is None and column_named(names, PIXELS[:1]))
    if is_pixels and given.path is None:
        raise _of_pixels(table)
    path = path or _only([name for name in names if _holds_paths(_cells(table, name))])
    label = given_column(names, given.label) or column_named(names, LABELS)
    if path is None or (label is None and len(names) < 2):
        raise _nothing_named("a label" if given.path else "a path", table)
    split = given_column(names, given.split) or column_named(names, SPLITS)
    marks = () if split else tuple(name for name in names if _marks_a_split(table, name))
    roles = Roles(
        path,
        () if label is None else (label,),
        split,
        marks,
        column_named(names, FOLDS),
        given_column(names, given.group) or column_named(names, GROUPS),
    )
    if label is not None:
        return roles
    one_hot = _one_hot(table, [name for name in names if name not in roles.columns])
    if not one_hot:
        raise _nothing_named("a label", table)
    return replace(roles, labels=one_hot)


def is_one_hot(table: Table) -> bool:
    """Whether the table has paths and a column for each class."""
    try:
        return len(find_roles(table, Columns()).labels) > 1
    except DataError:
        return False


def _without_header(table: Table, given: Columns) -> Roles:
    """By the cells: file names, names of splits, row numbers; the labels are what remains.

    Of several such columns, the only one of words holds the labels.
    """
    cells = table.read(table.names)
    path = given_column(table.names, given.path)
    if path is None:
        paths = [name for name in table.names if _holds_paths(cells[name])]
        if len(paths) > 1:
            raise _unclear("paths", paths, cells, table.name)
        unique = [name for name in table.names if cells[name].is_unique]
        path = paths[0] if paths else next(iter(unique), table.names[0])
    rest = [name for name in table.names if name != path]
    label = given_column(table.names, given.label)
    rest = [name for name in rest if name != label]
    split = given_column(table.names, given.split)
    split = split or _only([name for name in rest if _holds_splits(cells[name])])
    if label is None:
        possible = [name for name in rest if name != split and not _numbers_rows(cells[name])]
        words = [name for name in possible if not cells[name].map(is_number).all()]
        label = _only(words) or _only(possible)
        if label is None and possible:
            raise _unclear("labels", possible, cells, table.name)
    label = label or next((name for name in rest if name != split), split)
    if label is None:
        raise _nothing_named("a label", table)
    split = None if split == label else split
    return Roles(path, (label,), split, group=given_column(table.names, given.group))


def _one_hot(table: Table, names: list[str]) -> tuple[str, ...]:
    """The columns of 0 and 1 of which most rows have a single 1; none if there are no such.

    Raises:
        DataError: Most rows have several, or none.
    """
    cells = table.read(names)
    marks = {name: as_marks(cells[name]) for name in names}
    binary = pd.DataFrame({name: mark for name, mark in marks.items() if mark is not None})
    if binary.shape[1] < 2:
        return ()
    if (binary.sum(axis=1) == 1).mean() <= 0.5:
        more = ", …" if binary.shape[1] > _MOST_NAMES else ""
        raise DataError(
            f"Most rows of {table.name} do not have exactly one class.",
            expected=f"a single 1 in the columns {', '.join(binary.columns[:_MOST_NAMES])}{more}",
            received=f"{(binary.sum(axis=1) > 1).sum():,} rows with several, "
            f"{(binary.sum(axis=1) == 0).sum():,} with none, of {len(binary):,}",
            remedy="keep the rows with one class; or set `label_column` to a column of labels",
        )
    return tuple(binary.columns)


def _marks_a_split(table: Table, name: str) -> bool:
    return split_marked(name) is not None and as_marks(_cells(table, name)) is not None


def _cells(table: Table, name: str) -> pd.Series:
    return table.read([name])[name]


def _holds_paths(cells: pd.Series) -> bool:
    return bool(len(cells)) and float(cells.map(names_a_picture).mean()) >= _MOST_PATHS


def _holds_splits(cells: pd.Series) -> bool:
    splits = {split_named(name) if name else None for name in cells.unique()}
    return "train" in splits and None not in splits


def _numbers_rows(cells: pd.Series) -> bool:
    rows = range(len(cells))
    return any(cells.tolist() == [str(row + start) for row in rows] for start in (0, 1))


def _only(names: list[str]) -> str | None:
    return names[0] if len(names) == 1 else None


def _unclear(what: str, names: list[str], cells: pd.DataFrame, table: str) -> DataError:
    examples = [f"{name} ({cells[name].iloc[0]})" for name in names[:_MOST_NAMES]]
    return DataError(
        f"It is not clear which column of {table} holds the {what}.",
        expected="a first row with the names of the columns, such as path and label",
        received=f"the columns {', '.join(examples)}",
        remedy="add a first row with their names"
        + (f"; or name the column, such as `label_column={names[0]}`" * (what == "labels")),
    )


def _of_pixels(table: Table) -> DataError:
    """The error about a table of pixels that is no text, or whose first row has no pixels."""
    is_text = not TEXT_ENDINGS.isdisjoint(Path(table.name.lower()).suffixes)
    return DataError(
        f"{table.name} is a table of pixels, but its first row has none."
        if is_text
        else f"{table.name} is a table of pixels.",
        expected="a table of paths; or a table of pixels in a CSV file",
        received=listed(table.names, _MOST_NAMES),
        remedy="remove the row, or write at least 16 numbers into it, and nothing else"
        if is_text
        else "save it as CSV and open that: frame.to_csv('pixels.csv', index=False)",
    )


def _nothing_named(what: str, table: Table) -> DataError:
    return DataError(
        f"{table.name} has no column that is named like {what}.",
        expected="columns such as path and label; or file_name, image, folder … and class, "
        "target, category; or a column of 0 and 1 for each class",
        received=listed(table.names, _MOST_NAMES),
        remedy="rename the column"
        + (", or set `label_column`" * (what == "a label"))
        + "; if the first row is a picture, add a row with names above it",
    )
