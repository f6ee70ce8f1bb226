"""Checks of how pictures look: size, shape, dark, bright, flat, blurred, gray among colour.

What most pictures of a dataset are is not odd in it: digits on black are not "dark". A check of
looks is silent where it would name more than half of the pictures.
"""

import math
from collections.abc import Iterator

import pandas as pd

from viewfinder.audit.finding import Finding, Severity, about, pictures
from viewfinder.audit.measure import OK

# All levels are of 0 to 255; see `Measurement` for what is measured.
_DARK_BELOW = 64
_BRIGHT_ABOVE = 192
_FLAT_RANGE = 24
_BLURRED_BELOW = 0.2
_GRAY_UP_TO = 4
# Smaller pictures are blurred by their size.
_JUDGED_SIDE = 64
_TIMES_THE_SIZE = 4
_TIMES_THE_SHAPE = 2.5
_TOO_MANY = 0.5


def looks(table: pd.DataFrame) -> Iterator[Finding]:
    """All checks of this family."""
    readable = table[table["status"] == OK]
    if readable.empty:
        return
    for check in (sizes, shapes, dark, bright, flat, blurred, mixed_colour):
        findings = check(readable)
        yield from (one for one in findings if one.count <= _TOO_MANY * len(readable))


def sizes(table: pd.DataFrame) -> list[Finding]:
    """Pictures whose side is a quarter or four times what is usual here."""
    side = (table["width"] * table["height"]) ** 0.5
    usual = float(side.median()) if len(side) else 0.0
    rows = table[(side < usual / _TIMES_THE_SIZE) | (side > usual * _TIMES_THE_SIZE)]
    rows = rows.loc[side[rows.index].sort_values().index]
    return about(
        "extreme size",
        Severity.INFO,
        rows,
        _dimensions(rows),
        f"{pictures(len(rows), 'is')} {_TIMES_THE_SIZE} times smaller or larger than usual here "
        f"(about {usual:.0f} × {usual:.0f}).",
        "look whether small ones are icons or previews of something else",
    )


def shapes(table: pd.DataFrame) -> list[Finding]:
    """Pictures far wider or taller than is usual here."""
    shape = (table["width"] / table["height"]).map(math.log2)
    apart = (shape - shape.median()).abs()
    rows = table[apart > math.log2(_TIMES_THE_SHAPE)]
    rows = rows.loc[apart[rows.index].sort_values(ascending=False).index]
    return about(
        "extreme shape",
        Severity.INFO,
        rows,
        _dimensions(rows),
        f"{pictures(len(rows), 'is')} far wider or taller than the others.",
        "resizing distorts them most: crop them, or use the resize policy 'pad'",
    )


def dark(table: pd.DataFrame) -> list[Finding]:
    """Pictures in which hardly anything is bright."""
    rows = table[(table["brightest"] < _DARK_BELOW) & ~_is_flat(table)]
    return _levels(rows, "dark", "brightest", "look whether anything can be seen on them")


def bright(table: pd.DataFrame) -> list[Finding]:
    """Pictures in which hardly anything is dark."""
    rows = table[(table["darkest"] > _BRIGHT_ABOVE) & ~_is_flat(table)]
    return _levels(rows, "bright", "darkest", "look whether they are overexposed")


def _levels(rows: pd.DataFrame, check: str, column: str, remedy: str) -> list[Finding]:
    rows = rows.sort_values("brightness", ascending=check == "dark")
    return about(
        check,
        Severity.INFO,
        rows,
        (f"{column} parts at {level:.0f} of 255" for level in rows[column]),
        f"{pictures(len(rows), 'is')} {check} all over.",
        remedy,
    )


def _is_flat(table: pd.DataFrame) -> pd.Series:
    return table["brightest"].astype(int) - table["darkest"] < _FLAT_RANGE


def flat(table: pd.DataFrame) -> list[Finding]:
    """Pictures of nearly one level, on which there is nothing to see."""
    rows = table[_is_flat(table)].sort_values("contrast")
    return about(
        "flat",
        Severity.WARNING,
        rows,
        (
            f"levels {low} to {high}"
            for low, high in zip(rows["darkest"], rows["brightest"], strict=True)
        ),
        f"{pictures(len(rows), 'has')} hardly any content: nearly one level.",
        "remove them unless an empty picture means something",
    )


def blurred(table: pd.DataFrame) -> list[Finding]:
    """Pictures without edges, at the size at which networks see them."""
    large = table[["width", "height"]].min(axis=1) >= _JUDGED_SIDE
    rows = table[large & (table["sharpness"] < _BLURRED_BELOW) & ~_is_flat(table)]
    rows = rows.sort_values("sharpness")
    return about(
        "blurred",
        Severity.INFO,
        rows,
        (f"sharpness {value:.2f}" for value in rows["sharpness"]),
        f"{pictures(len(rows), 'is')} blurred even when shrunk to 128 pixels.",
        "look whether their subject can still be told",
    )


def mixed_colour(table: pd.DataFrame) -> list[Finding]:
    """Gray pictures among colour, or colour among gray: whichever is rarer."""
    gray = table["chroma"] <= _GRAY_UP_TO
    few, many = ("gray", "colour") if gray.mean() <= 0.5 else ("colour", "gray")
    rows = table[gray if few == "gray" else ~gray]
    return about(
        f"{few} among {many}",
        Severity.INFO,
        rows,
        [f"{few}"] * len(rows),
        f"{pictures(len(rows), 'is')} {'gray' if few == 'gray' else 'in colour'}; "
        f"the others are {'in colour' if few == 'gray' else 'gray'}.",
        "look whether they are of one class: the model would learn colour instead",
    )


def _dimensions(rows: pd.DataFrame) -> Iterator[str]:
    for width, height in zip(rows["width"], rows["height"], strict=True):
        yield f"{width} × {height}"
