"""What a dataset looks like: sizes, and the mean and a sample of each class."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.core.errors import RejectedPicture
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.core.randomness import Randomness
from viewfinder.data.dataset import Dataset
from viewfinder.pictures.codecs.types import Pixels
from viewfinder.pictures.prepare import prepare
from viewfinder.pictures.preprocessing import Preprocessing

_MEAN = Preprocessing(height=96, width=96)


def sides(dataset: Dataset) -> NDArray[np.float64]:
    """Each picture's size as the side of a square of its area, shape `(n,)`, in pixels."""
    widths, heights = dataset.table[["width", "height"]].to_numpy(np.float64).T
    return np.asarray(np.sqrt(widths * heights))


def aspects(dataset: Dataset) -> NDArray[np.float64]:
    """Each picture's width over its height, shape `(n,)`."""
    widths, heights = dataset.table[["width", "height"]].to_numpy(np.float64).T
    return np.asarray(widths / heights)


def sizes_in_words(dataset: Dataset) -> str:
    """The sizes in words: "all 28 × 28", or how many, and those of the least and largest area."""
    sizes = dataset.table[["width", "height"]].drop_duplicates()
    areas = (sizes["width"] * sizes["height"]).sort_values(kind="stable")
    small, large = ("{} × {}".format(*sizes.loc[areas.index[at]]) for at in (0, -1))
    return f"all {small}" if len(sizes) == 1 else f"{len(sizes):,} sizes from {small} to {large}"


def sample(dataset: Dataset, most: int, *, seed: int = 0) -> dict[str, list[str]]:
    """Up to `most` locators of each class, drawn at random.

    The choice depends on seed and locators only, and a smaller sample begins a larger one.
    """
    order = Randomness(seed).order("overview", epoch=-1, examples=dataset.ids)
    table: pd.DataFrame = dataset.table.iloc[order]
    drawn = {label: rows["locator"].iloc[:most] for label, rows in table.groupby("label")}
    return {name: list(drawn.get(name, ())) for name in dataset.classes}


def mean_picture(dataset: Dataset, locators: Sequence[str]) -> Pixels | None:
    """The mean of pictures, each stretched to 96 × 96: uint8 RGB, shape `(96, 96, 3)`.

    Pictures that cannot be read are skipped; None where there is no other.
    """
    total, count = np.zeros(_MEAN.shape, np.float64), 0
    for pixels in _read(dataset, locators):
        total += pixels
        count += 1
    return np.asarray((total / count).round(), np.uint8) if count else None


def _read(dataset: Dataset, locators: Sequence[str]) -> Iterator[Pixels]:
    def read(locator: str) -> Pixels | None:
        try:
            return prepare(dataset.source.read(locator), _MEAN).pixels
        except RejectedPicture:
            return None

    pictures = map_ahead(read, locators, workers=cores(), ahead=16)
    yield from (pixels for pixels in pictures if pixels is not None)
