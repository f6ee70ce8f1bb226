"""The usual names of a table's columns, and what their cells mean."""

import re
from collections import Counter
from collections.abc import Iterable

import pandas as pd

from viewfinder.core.errors import DataError, UsageError, nearest
from viewfinder.core.words import listed
from viewfinder.data.dataset import UNSPLIT
from viewfinder.data.sources.folder_names import split_named

# Usual names, the least ambiguous first; letters and digits only.
PATHS = (
    *("path", "filepath", "imagepath", "imgpath", "picturepath"),
    *("filename", "file", "imagefile", "imagename", "imgname", "fname"),
    *("image", "img", "picture", "photo", "imageid", "id", "folder", "foldername", "directory"),
)
LABELS = ("label", "class", "target", "category", "labelname", "classname", "labels", "classes")
SPLITS = ("split", "subset", "partition", "datasplit", "usage")
# Columns whose cells hold all pixels of a picture, and columns that number the rows.
PIXELS = ("pixels", "pixel", "pixelvalues", "imagepixels", "image", "img", "picture", "array")
NUMBERS = ("", "unnamed0", "index", "row", "rowid", "number", "no")
GROUPS = ("group", "groupid")
# Names of columns whose values probably belong together, with or without "id" after them.
_SERIES = (
    *("patient", "subject", "participant", "person", "individual", "lesion", "case", "study"),
    *("series", "session", "sequence", "video", "clip", "scene", "camera", "site"),
)
SERIES = tuple(f"{name}{ending}" for ending in ("", "id") for name in _SERIES)
FOLDS = ("fold", "kfold", "foldid", "cvfold")
# Columns of yes and no: the split of the rows with yes.
MARKS = {
    **dict.fromkeys(("isvalid", "isval", "isvalidation"), "validation"),
    **dict.fromkeys(("istest", "istesting"), "test"),
    **dict.fromkeys(("istrain", "istraining", "istrainingimg"), "train"),
}
_YES = frozenset({"1", "1.0", "true", "yes", "t", "y"})
_NO = frozenset({"", "0", "0.0", "false", "no", "f", "n"})


def column_named(header: Iterable[str], names: Iterable[str]) -> str | None:
    """The first column that has one of these names, in the order of the names."""
    plain = {_plain(name): name for name in reversed(list(header))}
    return next((plain[name] for name in names if name in plain), None)


def split_marked(name: str) -> str | None:
    """The split of the rows that a column of yes and no marks, by its name; else None."""
    return MARKS.get(_plain(name))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def as_marks(values: pd.Series) -> pd.Series | None:
    """The cells as booleans; None if they are not yes and no (or 1 and 0)."""
    words = values.str.lower()
    return words.isin(_YES) if words.isin(_YES | _NO).all() else None


def as_folds(values: pd.Series) -> pd.Series | None:
    """The cells as numbers of folds from 0, as text, "" for none; None if they are no numbers."""
    numbers = pd.to_numeric(values.where(values != "", None), errors="coerce")
    known = numbers.dropna()
    if len(known) < (values != "").sum() or (known % 1 != 0).any() or not (known >= 0).any():
        return None
    known = known[known >= 0]  # -1 is usual for pictures in no fold
    folds = known.astype(int) - int(known.min())
    return folds.astype("str").reindex(values.index, fill_value="")


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


def as_labels(cells: pd.Series) -> pd.Series:
    """The cells as labels: plain words, whole numbers, and "" for none.

    Numbers lose a fraction of zero (1.0 is 1, as pandas writes whole numbers beside a missing one),
    lists lose their brackets and quotes, and NaN is no label.
    """
    labels = cells.where(cells.str.lower() != "nan", "")
    if labels.str.fullmatch(r"\[.*\]|").all():
        labels = labels.str.replace(r"[\[\]'\"]", "", regex=True)
    if labels.str.fullmatch(r"-?\d+(\.0*)?|").all():
        labels = labels.str.replace(r"\.0*$", "", regex=True)
    return labels.str.strip().astype("str")


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
            received=listed(unknown, 5),
            remedy="rename the values, or the column if it means something else",
        )
    return values.map(found).astype("str")


def of_several(labels: pd.Series) -> pd.Series:
    """The labels in cells that hold several, joined by ", "; "" for other cells.

    A cell holds several if its parts are labels of other rows; with a comma, semicolon or bar also
    if each is in another such cell.
    """
    cells = set(labels.unique())
    several: dict[str, str] = {}
    for separator in (",", ";", "|", " "):
        parts = {cell: [part.strip() for part in cell.split(separator)] for cell in cells}
        parts = {cell: found for cell, found in parts.items() if len(set(found)) > 1}
        uses = Counter(part for found in parts.values() for part in set(found))
        for cell, found in parts.items():
            if all(part in cells or (uses[part] > 1 and separator != " ") for part in found):
                several[cell] = ", ".join(found)
    return labels.map(lambda cell: several.get(cell, "")).astype("str")
