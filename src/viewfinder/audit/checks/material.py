"""Checks of what pictures are made of: messages in place of pictures, and enlarged pictures."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.audit.duplicates import DuplicateGroups
from viewfinder.audit.finding import Finding, Severity, about
from viewfinder.data.dataset import OK

_LEAST_LETTERS = 12
_LEAST_GROUND = 0.7
# Of one picture on flat ground that is in several classes, such as a site's logo.
_LEAST_COPIES, _LEAST_SIDE = 3, 64
_TOO_MANY = 0.5
# Of enlarged pictures. The check is about the dataset: 1 photo in 200 is as soft as enlarged ones.
_LEAST_SHARE = 0.25


def material(table: pd.DataFrame, groups: DuplicateGroups) -> Iterator[Finding]:
    """Run all checks of this module.

    Args:
        table: The audit's table, in the order of the measurements.
        groups: The duplicates among the measurements.
    """
    readable = table["status"] == OK
    found = placeholders(table, groups)
    yield from (one for one in found if one.count <= _TOO_MANY * readable.sum())
    yield from enlarged(table[readable])


def placeholders(table: pd.DataFrame, groups: DuplicateGroups) -> list[Finding]:
    """Find lines of text on flat ground, and one picture on flat ground in several classes."""
    is_flat = table["ground"] >= _LEAST_GROUND
    is_text = is_flat & (table["letters"] >= _LEAST_LETTERS)
    is_logo = is_flat & _is_repeated(table, groups)
    rows = table[is_text | is_logo].sort_values("letters", ascending=False, kind="stable")
    return about(
        "placeholder",
        Severity.WARNING,
        rows,
        (f"{count} letters on flat ground" if count else "flat" for count in rows["letters"]),
        "is text on flat ground, or the same on flat ground in several "
        "classes: perhaps a message that a picture was not found.",
        "leave out those that show no subject",
    )


def _is_repeated(table: pd.DataFrame, groups: DuplicateGroups) -> NDArray[np.bool_]:
    """Whether a picture has duplicates under other labels, and is no small one."""
    repeated = np.zeros(len(table), np.bool_)
    for group in (*groups.exact, *groups.near):
        if len(group) >= _LEAST_COPIES and table["label"].iloc[group].nunique() > 1:
            repeated[group] = True
    return repeated & (table[["width", "height"]].min(axis=1) >= _LEAST_SIDE).to_numpy()


def enlarged(table: pd.DataFrame) -> list[Finding]:
    """Find pictures with the detail of smaller ones, if they are a quarter or more."""
    rows = table[table["true_side"] > 0].sort_values("true_side", kind="stable")
    if len(rows) < max(1, _LEAST_SHARE * len(table)):
        return []
    side = f"{rows['true_side'].median():.0f}"
    most = len(rows) > len(table) / 2
    advice = "a larger input than this costs time and shows nothing more"
    return about(
        "enlarged",
        Severity.INFO,
        rows,
        (
            f"detail of {true} pixels in {width} × {height}"
            for true, width, height in zip(
                rows["true_side"], rows["width"], rows["height"], strict=True
            )
        ),
        f"has the detail of smaller ones: the shorter side is worth "
        f"about {side} pixels (median), by the spectrum.",
        advice if most else "check whether their subject can be recognised",
    )
