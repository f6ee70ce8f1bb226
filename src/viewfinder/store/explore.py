"""What a dataset looks like: the numbers and the pictures that `viewfinder explore` shows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.audit.measure import OK
from viewfinder.audit.measurements import survey
from viewfinder.core.errors import DataError, RejectedPicture
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.core.progress import Progress
from viewfinder.core.randomness import Randomness
from viewfinder.data.dataset import Dataset
from viewfinder.pictures.codecs.types import Pixels
from viewfinder.pictures.prepare import prepare
from viewfinder.pictures.preprocessing import Preprocessing

_MEAN_SIDE = 96
# A mean of more pictures looks the same.
_MOST_IN_MEAN = 300
_MOST_READ = 6000
_MEAN = Preprocessing(height=_MEAN_SIDE, width=_MEAN_SIDE)
_SHEET = Preprocessing(height=128, width=128, resize="pad", background=(244, 245, 246))


@dataclass(frozen=True, eq=False)
class ClassLooks:
    """How one class looks.

    Attributes:
        name: The class.
        count: Its readable pictures.
        mean: Their mean, uint8 RGB, shape `(96, 96, 3)`, each stretched to this size; None where
            there is none.
        in_mean: How many pictures, drawn by chance, went into it.
        sample: Pictures drawn by chance, uint8 RGB, shape `(128, 128, 3)`, padded.
        locators: Those of the sample.
    """

    name: str
    count: int
    mean: Pixels | None
    in_mean: int
    sample: tuple[Pixels, ...]
    locators: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Exploration:
    """What a dataset looks like.

    Attributes:
        dataset: The readable pictures, with `width` and `height`.
        unreadable: How many others there are.
        classes: How each class looks, in the dataset's order.
    """

    dataset: Dataset
    unreadable: int
    classes: tuple[ClassLooks, ...]

    @property
    def sizes(self) -> NDArray[np.float64]:
        """Each picture's size as the side of a square of its area, shape `(n,)`, in pixels."""
        table = self.dataset.table
        area = table["width"].to_numpy(np.float64) * table["height"].to_numpy(np.float64)
        return np.asarray(np.sqrt(area), np.float64)

    @property
    def aspects(self) -> NDArray[np.float64]:
        """Each picture's width over its height, shape `(n,)`."""
        table = self.dataset.table
        widths = table["width"].to_numpy(np.float64)
        return np.asarray(widths / table["height"].to_numpy(np.float64), np.float64)


def explore(
    dataset: Dataset, *, each: int = 16, seed: int = 0, progress: Progress | None = None
) -> Exploration:
    """Look at a dataset.

    Args:
        dataset: The pictures.
        each: How many pictures of each class the sample has.
        seed: Decides which; the choice does not depend on the files' order.
        progress: Shows how far it is.

    Raises:
        DataError: No picture can be read.
        OutputError: The cache cannot be written.
    """
    progress = progress or Progress(0)
    measured = survey(dataset, progress=progress).table
    columns = {name: measured[name].array for name in ("status", "width", "height")}
    described = dataset.with_columns(columns)
    readable = described.where(described.table["status"] == OK)
    if not len(readable):
        raise DataError(f"None of the {len(dataset)} files in {dataset.source} is readable.")
    drawn = _drawn(
        readable, max(each, min(_MOST_IN_MEAN, _MOST_READ // len(dataset.classes))), seed
    )
    looks = (_class_looks(readable, name, locators, each) for name, locators in drawn.items())
    shown = progress.track(looks, "Looking at classes", len(drawn))
    return Exploration(readable, len(dataset) - len(readable), tuple(shown))


def _drawn(dataset: Dataset, most: int, seed: int) -> dict[str, list[str]]:
    """Up to so many locators of each class, drawn by chance."""
    order = Randomness(seed).order("explore", epoch=-1, examples=dataset.ids)
    table: pd.DataFrame = dataset.table.iloc[order]
    groups = {label: rows["locator"].iloc[:most] for label, rows in table.groupby("label")}
    return {name: list(groups.get(name, ())) for name in dataset.classes}


def _class_looks(dataset: Dataset, name: str, locators: list[str], each: int) -> ClassLooks:
    total, count = np.zeros(_MEAN.shape, np.float64), 0
    for pixels in _read(dataset, locators, _MEAN):
        total += pixels
        count += 1
    return ClassLooks(
        name=name,
        count=int((dataset.table["label"] == name).sum()),
        mean=np.asarray((total / count).round(), np.uint8) if count else None,
        in_mean=count,
        sample=tuple(_read(dataset, locators[:each], _SHEET)),
        locators=tuple(locators[:each]),
    )


def _read(dataset: Dataset, locators: list[str], preprocessing: Preprocessing) -> Iterator[Pixels]:
    """The pictures, in order; one that has changed since it was measured is left out."""

    def one(locator: str) -> Pixels | None:
        try:
            return prepare(dataset.source.read(locator), preprocessing).pixels
        except RejectedPicture:
            return None

    pixels = map_ahead(one, locators, workers=cores(), ahead=16)
    yield from (each for each in pixels if each is not None)
