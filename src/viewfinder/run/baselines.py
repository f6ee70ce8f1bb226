"""The baselines of an evaluation, from the run's training pictures."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.core.errors import RejectedPicture, ViewfinderError
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.source import Source
from viewfinder.evaluation.baselines import Baseline, majority, mean_colour
from viewfinder.pictures.prepare import prepare
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.run.run import Run

_COLOUR = Preprocessing(height=8, width=8)
# Pictures of each side that the baseline of colours reads.
_MOST_COLOURS = 2000


def baselines_of(
    run: Run, rows: pd.DataFrame, data: Dataset | None, progress: Progress
) -> tuple[tuple[Baseline, ...], tuple[str, ...]]:
    """Return the baselines, and a note where the pictures cannot be read for their colours."""
    trained = run.data
    trained = trained[(trained["split"] == "train") & (trained["status"] == "ok")]

    def labels(table: pd.DataFrame) -> NDArray[np.intp]:
        return pd.Index(run.classes).get_indexer(pd.Index(table["label"]))

    commonest = majority(labels(trained), labels(rows))
    some, others = _thinned(trained), _thinned(rows)
    try:
        source = run.source
        colours = _colours(source, some["locator"], progress)
        shown = _colours(data.source if data else source, others["locator"], progress)
    except ViewfinderError as error:
        return (commonest,), (f"The baseline of mean colours is left out: {error.fact}",)
    known, seen = np.isfinite(colours[:, 0]), np.isfinite(shown[:, 0])
    if not known.any() or not seen.any():
        return (commonest,), ("The baseline of mean colours is left out: no picture can be read.",)
    by_colour = mean_colour(
        labels(some)[known],
        colours[known],
        labels(others)[seen],
        shown[seen],
    )
    return (commonest, by_colour) if by_colour else (commonest,), ()


def _thinned(table: pd.DataFrame) -> pd.DataFrame:
    """Return evenly spaced rows, at most 2,000."""
    return table.iloc[:: -(-len(table) // _MOST_COLOURS)]


def _colours(source: Source, locators: Iterable[str], progress: Progress) -> NDArray[np.float64]:
    """Return the mean red, green and blue of pictures, shape (n, 3); NaN where unreadable."""

    def mean(locator: str) -> NDArray[np.float64]:
        try:
            pixels = prepare(source.read(locator), _COLOUR).pixels
        except RejectedPicture:
            return np.full(3, np.nan)
        return np.asarray(pixels.reshape(-1, 3).mean(axis=0))

    names = list(locators)
    means = map_ahead(mean, names, workers=cores())
    return np.array(list(progress.track(means, "Reading colours", len(names))))
