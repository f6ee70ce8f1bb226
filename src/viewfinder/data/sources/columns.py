"""Which columns of a table are the path, the label, the split and the group; and their cells."""

import re

import pandas as pd

from viewfinder.core.errors import DataError, UsageError, nearest
from viewfinder.data.dataset import UNSPLIT
from viewfinder.data.sources.delimited import names_a_picture
from viewfinder.data.sources.hints import Columns
from viewfinder.data.sources.layout import split_named

# Names as people write them, the surest first; letters and digits only.
PATHS = (
    *("path", "filepath", "imagepath", "imgpath", "picturepath"),
    *("filename", "file", "imagefile", "imagename", "imgname", "fname"),
    *("image", "img", "picture", "photo", "imageid", "id"),
)
LABELS = ("label", "class", "target", "category", "labelname", "classname", "labels", "classes")
SPLITS = ("split", "subset", "partition")
GROUPS = ("group", "groupid")


def column_named(header: list[str], names: tuple[str, ...]) -> str | None:
    """The first column that has one of these names, the surest name first."""
    plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in reversed(header)}
    return next((plain[name] for name in names if name in plain), None)


def find_columns(header: list[str], given: Columns, place: str) -> Columns:
    """The columns that are meant, by what was said and by their names.

    A given column may also be a number, counted from 0.

    Raises:
        UsageError: A given column is not there.
        DataError: No column is named as a path or as a label.
    """
    path = given_column(header, given.path) or column_named(header, PATHS)
    label = given_column(header, given.label) or column_named(header, LABELS)
    if path is None or label is None:
        raise DataError(
            f"{place} has no column that is named as {'a path' if path is None else 'a label'}.",
            expected="columns such as path and label; or file_name, filename, image … and class, "
            "target, category",
            received=", ".join(header[:12]) + (", …" if len(header) > 12 else ""),
            remedy="rename the column" + ("" if path is None else ", or say --label-column NAME"),
        )
    split = given_column(header, given.split) or column_named(header, SPLITS)
    group = given_column(header, given.group) or column_named(header, GROUPS)
    return Columns(path, label, split, group)


def given_column(header: list[str], given: str | None) -> str | None:
    """The column that was asked for by its name or number; None where none was.

    Raises:
        UsageError: It is not there.
    """
    if given is None or given in header:
        return given
    if given.lstrip("-").isdecimal() and -len(header) <= int(given) < len(header):
        return header[int(given)]
    raise UsageError(f"There is no column {given!r}.", remedy=nearest(given, header))


def guess_unnamed(first: tuple[str, ...], given: Columns) -> Columns:
    """The columns of a table without a header, by position: the picture's file, then the label."""
    names = [str(position) for position in range(len(first))]
    path = next(
        (name for name, cell in zip(names, first, strict=True) if names_a_picture(cell)), "0"
    )
    label = next((name for name in names if name != path), None)
    return Columns(given.path or path, given.label or label, given.split, given.group)


def as_text(values: pd.Series) -> pd.Series:
    """The cells as text without blanks around it; "" where there is nothing.

    Numbers stand without a point where all of them are whole: a missing value makes pandas read
    whole numbers as fractions.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    return values.astype("string").fillna("").str.strip().astype("str")


def as_splits(values: pd.Series, place: str) -> pd.Series:
    """The cells as names of splits, "" where nothing is said.

    Raises:
        DataError: A cell names no split.
    """
    found = {name: split_named(name) if name else UNSPLIT for name in values.unique()}
    unknown = sorted(name for name, split in found.items() if split is None)
    if unknown:
        raise DataError(
            f"The split column of {place} holds what is no split.",
            expected="train, validation (val, valid, dev) or test",
            received=", ".join(unknown[:5]) + (", …" if len(unknown) > 5 else ""),
            remedy="rename the values, or the column if it means something else",
        )
    return values.map(found).astype("str")
