"""The pictures that the report shows: samples, the surest mistakes, and those of each answer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from viewfinder.core.parallel import cores, map_ahead
from viewfinder.pages.parts.thumbnails import Thumbnail, thumbnail
from viewfinder.pages.report.report import Report

if TYPE_CHECKING:
    import pandas as pd

# How many of the surest mistakes are shown.
MISTAKES = 300
_PER_CLASS = 6
# Together these limit the size of the page, whatever the number of classes and pictures.
_MOST_SAMPLES = 120
_MOST_OF_CELLS, _LEAST_OF_A_CELL, _MOST_OF_A_CELL = 480, 4, 24
_MOST_BYTES = 8_000_000
# Of more cells, the largest.
_MOST_CELLS = 1000
_LARGE, _SMALL, _MISTAKE, _OF_A_CELL = 176, 112, 168, 96


@dataclass(frozen=True, slots=True)
class SampleRow:
    """Some pictures of one class."""

    name: str
    images: tuple[Thumbnail, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong answer: the picture, its true and its predicted class, and the confidence, 0 to 1.

    Attributes:
        heat: The picture under its heat map; None where there is none.
        nearest: The nearest training picture; None where there is none.
        nearest_label: The class of that picture, or "".
    """

    image: Thumbnail
    locator: str
    true: str
    predicted: str
    confidence: float
    heat: Thumbnail | None = None
    nearest: Thumbnail | None = None
    nearest_label: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """The pictures of one class with one answer.

    Attributes:
        true: The index of the class.
        predicted: The index of the answer.
        count: How many pictures.
        images: Some of them: the most confident of wrong answers, the least confident of right
            ones; None stands for a picture that did not fit into the page.
        locators: The locators of `images`.
    """

    true: int
    predicted: int
    count: int
    images: tuple[Thumbnail | None, ...]
    locators: tuple[str, ...]

    @property
    def place(self) -> str:
        """The cell's identifier in the page."""
        return f"cell-{self.true}-{self.predicted}"


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
    chosen = {name: _evenly(groups[name].tolist(), each) for name in names}
    found = _read(report, ((one, side) for locators in chosen.values() for one in locators))
    return [
        SampleRow(name, tuple(found[one, side] for one in locators))
        for name, locators in chosen.items()
    ]


def _evenly(locators: list[str], count: int) -> list[str]:
    places = np.linspace(0, len(locators) - 1, min(count, len(locators))).round().astype(int)
    return [locators[place] for place in places]


def mistakes_and_cells(report: Report) -> tuple[list[Mistake], list[Cell]]:
    """Up to 300 mistakes, the most confident first, and the cells of the confusion matrix.

    A picture is read once, and pictures are embedded up to 8 MB.
    """
    worst = report.mistakes.head(MISTAKES)
    looks = report.further.looks
    cells = _cells(report)
    wanted: dict[tuple[str, int], None] = {}
    for locator in worst["locator"]:
        wanted[str(locator), _MISTAKE] = None
        if (look := looks.get(str(locator))) and look.nearest:
            wanted[look.nearest, _MISTAKE] = None
    shares = max(_LEAST_OF_A_CELL, min(_MOST_OF_A_CELL, _MOST_OF_CELLS // max(1, len(cells))))
    of_cells = ((one, _OF_A_CELL) for cell in cells for one in cell.locators[:shares])
    wanted |= dict.fromkeys(islice(of_cells, _MOST_OF_CELLS))
    found = _within(_read(report, wanted))
    nothing = Thumbnail(None, None, 0, 0, tiny=False)
    mistakes = []
    for row in worst.to_dict("records"):
        look = looks.get(str(row["locator"]))
        mistakes.append(
            Mistake(
                image=found.get((str(row["locator"]), _MISTAKE), nothing),
                locator=str(row["locator"]),
                true=str(row["label"]),
                predicted=str(row["predicted"]),
                confidence=float(row["confidence"]),
                heat=thumbnail(look.heat, _MISTAKE) if look else None,
                nearest=found.get((look.nearest, _MISTAKE)) if look and look.nearest else None,
                nearest_label=look.label if look else "",
            )
        )
    return mistakes, [
        Cell(
            cell.true,
            cell.predicted,
            cell.count,
            tuple(found.get((one, _OF_A_CELL)) for one in cell.locators[:shares]),
            cell.locators[:shares],
        )
        for cell in cells
    ]


def _cells(report: Report) -> list[Cell]:
    """The cells that have pictures, the wrong answers first, the largest before the others."""
    if report.headline is None:
        return []
    at = {name: index for index, name in enumerate(report.classes)}
    answers = report.answers.sort_values("confidence", kind="stable")
    groups = answers.groupby(["label", "predicted"], observed=True, sort=False)["locator"]
    cells = [
        _cell(at[str(true)], at[str(said)], locators)
        for (true, said), locators in groups
        if str(true) in at and str(said) in at
    ]
    return sorted(cells, key=lambda one: (one.true == one.predicted, -one.count))[:_MOST_CELLS]


def _cell(true: int, predicted: int, locators: "pd.Series") -> Cell:
    ordered = locators if true == predicted else locators[::-1]
    few = tuple(map(str, ordered.head(_MOST_OF_A_CELL)))
    return Cell(true, predicted, len(locators), (), few)


def _read(report: Report, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Thumbnail]:
    """Return thumbnails by locator and longest side; each picture is read once."""
    sides: dict[str, list[int]] = {}
    for locator, side in wanted:
        sides.setdefault(locator, []).append(side)

    def read(locator: str) -> list[Thumbnail]:
        pixels = report.picture(locator)
        return [thumbnail(pixels, side) for side in sides[locator]]

    images = map_ahead(read, sides, workers=cores())
    return {
        (locator, side): image
        for (locator, of_it), several in zip(sides.items(), images, strict=True)
        for side, image in zip(of_it, several, strict=True)
    }


def _within(
    found: Mapping[tuple[str, int], Thumbnail],
) -> dict[tuple[str, int], Thumbnail]:
    """Return the first pictures, as many as fit into the page; the large ones come first."""
    kept, bytes_ = {}, 0
    for key, image in sorted(found.items(), key=lambda one: -one[0][1]):
        bytes_ += len(image.address or "")
        if bytes_ <= _MOST_BYTES:
            kept[key] = image
    return kept
