"""Checks of appearance: size, shape, dark, bright, flat, blurred, gray among colour.

A property of most pictures is not an oddity: digits on black are not "dark". So a check of more
than half of the pictures gives no finding.
"""

import math
from collections.abc import Iterator

import pandas as pd

from viewfinder.audit.finding import Finding, Severity, about
from viewfinder.data.dataset import OK

# Levels are from 0 to 255; see `Measurement`.
_DARK_BELOW = 64
_BRIGHT_ABOVE = 192
_FLAT_RANGE = 24
_BLURRED_BELOW = 0.2
GRAY_UP_TO = 4
# Smaller pictures appear blurred because of their size.
_LEAST_SIDE_OF_BLURRED = 64
_TIMES_THE_SIZE = 4
_TIMES_THE_SHAPE = 2.5
_TOO_MANY = 0.5


def looks(table: pd.DataFrame) -> Iterator[Finding]:
    """Run all checks of this module."""
    readable = table[table["status"] == OK]
    if readable.empty:
        return
    for check in (sizes, shapes, dark, bright, flat, blurred, mixed_colour):
        findings = check(readable)
        yield from (found for found in findings if found.count <= _TOO_MANY * len(readable))


def sizes(table: pd.DataFrame) -> list[Finding]:
    """Find pictures whose side is below a quarter or above four times the median."""
    side = (table["width"] * table["height"]) ** 0.5
    median = float(side.median()) if len(side) else 0.0
    rows = table[(side < median / _TIMES_THE_SIZE) | (side > median * _TIMES_THE_SIZE)]
    rows = rows.loc[side[rows.index].sort_values().index]
    return about(
        "extreme size",
        Severity.INFO,
        rows,
        _dimensions(rows),
        f"is over {_TIMES_THE_SIZE} times smaller or larger than the "
        f"median (about {median:.0f} × {median:.0f}).",
        "check whether small ones are icons or previews of something else",
    )


def shapes(table: pd.DataFrame) -> list[Finding]:
    """Find pictures far wider or taller than the median."""
    shape = (table["width"] / table["height"]).map(math.log2)
    deviation = (shape - shape.median()).abs()
    rows = table[deviation > math.log2(_TIMES_THE_SHAPE)]
    rows = rows.loc[deviation[rows.index].sort_values(ascending=False).index]
    return about(
        "extreme shape",
        Severity.INFO,
        rows,
        _dimensions(rows),
        "is far wider or taller than the others.",
        "resizing distorts them most: crop them, or use the resize policy 'pad'",
    )


def dark(table: pd.DataFrame) -> list[Finding]:
    """Find pictures without bright parts."""
    rows = table[(table["brightest"] < _DARK_BELOW) & ~_is_flat(table)]
    return _levels(rows, "dark", "brightest", "check whether they show anything")


def bright(table: pd.DataFrame) -> list[Finding]:
    """Find pictures without dark parts."""
    rows = table[(table["darkest"] > _BRIGHT_ABOVE) & ~_is_flat(table)]
    return _levels(rows, "bright", "darkest", "check whether they are overexposed")


def _levels(rows: pd.DataFrame, check: str, column: str, remedy: str) -> list[Finding]:
    rows = rows.sort_values("brightness", ascending=check == "dark")
    return about(
        check,
        Severity.INFO,
        rows,
        (f"{column} parts at {level:.0f} of 255" for level in rows[column]),
        f"is {check} everywhere.",
        remedy,
    )


def _is_flat(table: pd.DataFrame) -> pd.Series:
    return table["brightest"].astype(int) - table["darkest"] < _FLAT_RANGE


def flat(table: pd.DataFrame) -> list[Finding]:
    """Find pictures of nearly one level."""
    rows = table[_is_flat(table)].sort_values("contrast")
    return about(
        "flat",
        Severity.WARNING,
        rows,
        (
            f"levels {low} to {high}"
            for low, high in zip(rows["darkest"], rows["brightest"], strict=True)
        ),
        "has nearly one level only, and hardly any content.",
        "remove them, unless empty pictures have a meaning",
    )


def blurred(table: pd.DataFrame) -> list[Finding]:
    """Find pictures without edges, at the usual input size of networks."""
    large = table[["width", "height"]].min(axis=1) >= _LEAST_SIDE_OF_BLURRED
    rows = table[large & (table["sharpness"] < _BLURRED_BELOW) & ~_is_flat(table)]
    rows = rows.sort_values("sharpness")
    return about(
        "blurred",
        Severity.INFO,
        rows,
        (f"sharpness {value:.2f}" for value in rows["sharpness"]),
        "is blurred even after shrinking to 128 pixels.",
        "check whether their subject can be recognised",
    )


def mixed_colour(table: pd.DataFrame) -> list[Finding]:
    """Find gray pictures among colour ones, or colour among gray, whichever is rarer."""
    gray = table["chroma"] <= GRAY_UP_TO
    few, many = ("gray", "colour") if gray.mean() <= 0.5 else ("colour", "gray")
    rows = table[gray if few == "gray" else ~gray]
    return about(
        f"{few} among {many}",
        Severity.INFO,
        rows,
        [few] * len(rows),
        f"is {'gray' if few == 'gray' else 'in colour'}; "
        f"the others are {'in colour' if few == 'gray' else 'gray'}.",
        "check whether they are of one class: the model would then learn colour instead",
    )


def _dimensions(rows: pd.DataFrame) -> Iterator[str]:
    for width, height in zip(rows["width"], rows["height"], strict=True):
        yield f"{width} × {height}"
