"""Find the columns of a table that hold path, label, split and group; read their cells."""

import re

import pandas as pd

from viewfinder.core.errors import DataError, UsageError, nearest
from viewfinder.data.dataset import UNSPLIT
from viewfinder.data.sources.delimited import names_a_picture
from viewfinder.data.sources.hints import Columns
from viewfinder.data.sources.layout import split_named

# Usual names, the least ambiguous first; letters and digits only.
PATHS = (
    *("path", "filepath", "imagepath", "imgpath", "picturepath"),
    *("filename", "file", "imagefile", "imagename", "imgname", "fname"),
    *("image", "img", "picture", "photo", "imageid", "id"),
)
LABELS = ("label", "class", "target", "category", "labelname", "classname", "labels", "classes")
SPLITS = ("split", "subset", "partition")
GROUPS = ("group", "groupid")


def column_named(header: list[str], names: tuple[str, ...]) -> str | None:
    """The first column that has one of these names, in the order of the names."""
    plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in reversed(header)}
    return next((plain[name] for name in names if name in plain), None)


def find_columns(header: list[str], given: Columns, table: str) -> Columns:
    """Resolve the columns: those given, and otherwise by their names.

    A given column may also be an index, from 0.

    Args:
        header: The names of all columns.
        given: The columns that the user has named.
        table: The table, for messages.

    Raises:
        UsageError: A given column does not exist.
        DataError: No column is named like a path or like a label.
    """
    path = given_column(header, given.path) or column_named(header, PATHS)
    label = given_column(header, given.label) or column_named(header, LABELS)
    if path is None or label is None:
        raise DataError(
            f"{table} has no column that is named like {'a path' if path is None else 'a label'}.",
            expected="columns such as path and label; or file_name, filename, image … and class, "
            "target, category",
            received=", ".join(header[:12]) + (", …" if len(header) > 12 else ""),
            remedy="rename the column" + ("" if path is None else ", or set `label_column`"),
        )
    split = given_column(header, given.split) or column_named(header, SPLITS)
    group = given_column(header, given.group) or column_named(header, GROUPS)
    return Columns(path, label, split, group)


def given_column(header: list[str], given: str | None) -> str | None:
    """Resolve a column given by name or index; None stays None.

    Raises:
        UsageError: It does not exist.
    """
    if given is None or given in header:
        return given
    if given.lstrip("-").isdecimal() and -len(header) <= int(given) < len(header):
        return header[int(given)]
    raise UsageError(f"There is no column {given!r}.", remedy=nearest(given, header))


def guess_unnamed(first: tuple[str, ...], given: Columns) -> Columns:
    """The columns of a table without a header: the first with a picture's name, then the label."""
    names = [str(index) for index in range(len(first))]
    path = next(
        (name for name, cell in zip(names, first, strict=True) if names_a_picture(cell)), "0"
    )
    label = next((name for name in names if name != path), None)
    return Columns(given.path or path, given.label or label, given.split, given.group)


def as_text(values: pd.Series) -> pd.Series:
    """The cells as stripped text, "" for missing values.

    Floats that are all whole become integers, because a missing value makes pandas read integers as
    floats.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    return values.astype("string").fillna("").str.strip().astype("str")


def as_splits(values: pd.Series, table: str) -> pd.Series:
    """The cells as names of splits, "" for empty cells.

    Raises:
        DataError: A cell does not name a split.
    """
    found = {name: split_named(name) if name else UNSPLIT for name in values.unique()}
    unknown = sorted(name for name, split in found.items() if split is None)
    if unknown:
        raise DataError(
            f"The split column of {table} has values that are not splits.",
            expected="train, validation (val, valid, dev) or test",
            received=", ".join(unknown[:5]) + (", …" if len(unknown) > 5 else ""),
            remedy="rename the values, or the column if it means something else",
        )
    return values.map(found).astype("str")
