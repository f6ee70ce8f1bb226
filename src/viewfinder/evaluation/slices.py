"""Slices of the evaluated pictures on which a model is less accurate than on the others.

Looking at many slices finds bad ones by chance. So the p-values of Fisher's exact test are
corrected by Holm's method, and the intervals by Bonferroni's.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.audit.duplicates import duplicate_groups
from viewfinder.audit.measurements import Measurements
from viewfinder.core.shares import Figure, holm
from viewfinder.data.source import Source
from viewfinder.pictures.codecs.exif import shot_of

_LEVEL = 0.05
_RANGES = 4
# Fewer pictures say little about a slice, and each slice weakens the test of the others.
_LEAST = 10
_MOST_VALUES = 30


@dataclass(frozen=True)
class Slice:
    """The pictures with one value, or range of values, of a property.

    Attributes:
        name: The property, such as "brightness".
        value: The value or range.
        count: The number of pictures.
        accuracy: The share of right answers; all slices' intervals hold together with 95 %.
        others: The accuracy on all other pictures.
        p: Of Fisher's exact test that the slice is less accurate, corrected by Holm's method.
        is_worse: Whether `p` is below 0.05.
    """

    name: str
    value: str
    count: int
    accuracy: Figure
    others: float
    p: float
    is_worse: bool

    def to_json(self) -> dict[str, Any]:
        """Return the record as `--json` prints it."""
        return {
            "property": self.name,
            "value": self.value,
            "count": self.count,
            "accuracy": self.accuracy.to_json(),
            "others": self.others,
            "p": self.p,
            "is_worse": self.is_worse,
        }


def find_slices(right: NDArray[np.bool_], properties: pd.DataFrame) -> tuple[Slice, ...]:
    """Return the slices of pictures by their properties, the worst first.

    Numbers are cut at their quartiles. Of other properties, the 30 commonest values are slices. A
    slice has at least 10 pictures, and so have the others.

    In data without a bad slice, one is called worse in at most 5 % of the cases (S. Holm, "A simple
    sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979).

    Args:
        right: Whether each answer is right, shape `(n,)`.
        properties: A row a picture, a column a property: numbers or texts.
    """
    from scipy import stats

    masks = [
        (str(name), str(value), np.asarray(values == value))
        for name, column in properties.items()
        for values in [_values(column)]
        for value in values.value_counts().index[:_MOST_VALUES]
    ]
    masks = [one for one in masks if _LEAST <= one[2].sum() <= len(right) - _LEAST]
    if not masks:
        return ()
    counts = np.array([mask.sum() for *_, mask in masks])
    wrong = np.array([(~right)[mask].sum() for *_, mask in masks])
    # Fisher's exact test: the slice is a draw of `counts` from all pictures without replacement.
    p_values = stats.hypergeom.sf(wrong - 1, len(right), (~right).sum(), counts)
    accuracies = _exact(counts - wrong, counts, _LEVEL / len(masks))
    tested = zip(masks, accuracies, holm(p_values.tolist()), strict=True)
    found = [
        Slice(name, value, int(mask.sum()), accuracy, float(right[~mask].mean()), p, p < _LEVEL)
        for (name, value, mask), accuracy, p in tested
    ]
    return tuple(sorted(found, key=lambda one: (one.p, one.accuracy.value)))


def properties_of(source: Source, measurements: Measurements) -> pd.DataFrame:
    """Return the properties of measured pictures by which they are sliced, a row each.

    Args:
        source: The pictures' source, for their cameras.
        measurements: Those of the audit.
    """
    table = measurements.table
    columns: dict[str, Any] = {
        "shorter side": table[["width", "height"]].min(axis=1),
        "aspect": table["width"] / table["height"].clip(lower=1),
        "brightness": table["brightness"],
        "sharpness": table["sharpness"],
        "duplicates": _groups(measurements),
    }
    if source.names_files:
        locators = table["locator"]
        columns["folder"] = [str(PurePosixPath(locator).parent) for locator in locators]
        columns["camera"] = [shot_of(source.read(locator)).camera or "none" for locator in locators]
    return pd.DataFrame(columns)


def _groups(measurements: Measurements) -> list[str]:
    keys = pd.Series(duplicate_groups(measurements).keys())
    sizes = keys.map(keys.value_counts())
    first = measurements.table["locator"]
    return [
        "none" if size == 1 else "some" if size < _LEAST else f"group of {first[key]}"
        for key, size in zip(keys, sizes, strict=True)
    ]


def _values(column: pd.Series) -> pd.Series:
    """Return texts as they are, and numbers as the range between quartiles that holds them."""
    if not pd.api.types.is_numeric_dtype(column):
        return column.astype(str)
    edges = np.unique(np.quantile(column, np.linspace(0, 1, _RANGES + 1)[1:-1]))
    marks = [f"{edge:.3g}" if edge < 100 else f"{edge:.0f}" for edge in edges]
    names = [
        f"≤ {marks[0]}",
        *(f"> {low}, ≤ {high}" for low, high in pairwise(marks)),
        f"> {marks[-1]}",
    ]
    at = np.searchsorted(edges, column, side="left")
    return pd.Series(np.array(names, object)[at])


def _exact(right: NDArray[np.integer], counts: NDArray[np.integer], level: float) -> list[Figure]:
    """Return shares with exact intervals (Clopper and Pearson 1934) of coverage 1 − level."""
    from scipy import stats

    wrong = counts - right
    low = stats.beta.ppf(level / 2, right, wrong + 1)  # NaN for none right, or none wrong
    high = stats.beta.ppf(1 - level / 2, right + 1, wrong)
    limits = zip(right / counts, np.nan_to_num(low), np.nan_to_num(high, nan=1.0), strict=True)
    return [Figure(*map(float, one)) for one in limits]
