"""The pictures that the report shows: samples of each class, and the worst mistakes."""

from dataclasses import dataclass

import numpy as np

from viewfinder.pages.parts.thumbnails import Thumbnail, thumbnail
from viewfinder.pages.report.report import Report

_WORST = 10
_PER_CLASS = 6
# Together these limit the size of the page, whatever the number of classes.
_MOST_SAMPLES = 120
_LARGE, _SMALL, _MISTAKE = 176, 112, 280


@dataclass(frozen=True, slots=True)
class SampleRow:
    """Some pictures of one class."""

    name: str
    images: tuple[Thumbnail, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong answer: the picture, its true and its predicted class, and the confidence, 0 to 1."""

    image: Thumbnail
    locator: str
    true: str
    predicted: str
    confidence: float


def sample_rows(report: Report) -> list[SampleRow]:
    """Up to six training pictures of each class, evenly spaced through the table.

    With many classes there are fewer of each, and beyond 120 classes the last have none.
    """
    usable = report.usable
    pool = usable[usable["split"] == "train"]
    pool = pool if len(pool) else usable
    groups = {label: rows["locator"] for label, rows in pool.groupby("label", observed=True)}
    names = [name for name in report.classes if name in groups][:_MOST_SAMPLES]
    each = min(_PER_CLASS, _MOST_SAMPLES // max(1, len(names)))
    side = _LARGE if each == _PER_CLASS and len(names) <= 10 else _SMALL
    rows = []
    for name in names:
        locators = groups[name].tolist()
        places = np.linspace(0, len(locators) - 1, min(each, len(locators))).round().astype(int)
        images = tuple(thumbnail(report.picture(locators[place]), side) for place in places)
        rows.append(SampleRow(name, images))
    return rows


def worst_mistakes(report: Report) -> list[Mistake]:
    """The ten most confident wrong answers on the headline split."""
    return [
        Mistake(
            image=thumbnail(report.picture(row["locator"]), _MISTAKE),
            locator=str(row["locator"]),
            true=str(row["label"]),
            predicted=str(row["predicted"]),
            confidence=float(row["confidence"]),
        )
        for row in report.mistakes.head(_WORST).to_dict("records")
    ]
