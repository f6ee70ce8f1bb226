"""The report with what needs the model and the pictures once more.

The end of a training writes the report from the run's files and some pictures, so that it stays
quick. Heat maps, nearest training pictures, slices and the baseline of colours are added here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.core.errors import RunError, ViewfinderError
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.store import open_store
from viewfinder.explain.attribution import explain_images, network_of
from viewfinder.pages.report.further import Further, Look
from viewfinder.run.evaluation import evaluate
from viewfinder.run.run import Run

if TYPE_CHECKING:
    from viewfinder.explain.linear import LinearNetwork
    from viewfinder.explain.networks import Network

# How many of the surest mistakes get a heat map, and among how many training pictures the nearest
# one is sought.
_LOOKS, _TRAINING = 100, 1000
_BATCH = 64

Matrix = NDArray[np.float32]


def write_full_report(
    run: Run | str | Path, *, heat_maps: bool = True, progress: Progress | None = None
) -> Path:
    """Write a run's report with slices and baselines, heat maps and nearest training pictures.

    Of the 100 surest mistakes, the heat map (Grad-CAM) shows what spoke for the answer; the nearest
    of up to 1,000 evenly spaced training pictures has the highest cosine between the means of the
    last convolution's channels. A part that cannot be computed is left out, and the page says why.

    Args:
        run: An evaluated run, or its folder.
        heat_maps: Whether to add heat maps and nearest pictures, which need Keras unless a linear
            head was fitted without it.
        progress: Shows the work.

    Returns:
        The path of the page; see :meth:`viewfinder.run.Run.report`.

    Raises:
        RunError: The folder is no run, it is not evaluated, or a file is missing or damaged.
        OutputError: The folder cannot be written.
    """
    progress = progress or Progress(0)
    opened = run if isinstance(run, Run) else Run.open(run)
    if not opened.is_evaluated:
        raise RunError(
            f"The run {opened} has no metrics to report.",
            remedy=f"`viewfinder evaluate {opened}` computes them",
        )
    notes: list[str] = []
    further = Further()
    try:
        found = evaluate(opened, progress=progress)
        further = Further(baselines=found.baselines)
        notes += found.notes
        further = Further(found.baselines, found.slices(progress=progress))
    except ViewfinderError as error:
        notes.append(f"Not all of the evaluation is here: {error.fact}")
    looks = {}
    if heat_maps:
        try:
            looks = _looks(opened, progress)
        except ViewfinderError as error:
            notes.append(f"There are no heat maps: {error.fact}")
    return opened.report(further=Further(further.baselines, further.slices, looks, tuple(notes)))


@dataclass(frozen=True, eq=False)
class _Seen:
    """Readable pictures as the model takes them."""

    table: pd.DataFrame
    pixels: NDArray[np.uint8]


def _looks(run: Run, progress: Progress) -> dict[str, Look]:
    dataset, predictions = run.dataset, run.predictions
    split = next(name for name in ("test", "validation", "train") if name in run.metrics)
    rows = predictions[predictions["split"] == split]
    wrong = rows[rows["label"] != rows["predicted"]]
    worst = wrong.sort_values("confidence", ascending=False, kind="stable").head(_LOOKS)
    if worst.empty:
        return {}
    mistakes = _read(run, dataset.where(dataset.table["locator"].isin(worst["locator"])))
    if not len(mistakes.pixels):
        return {}
    names = mistakes.table["locator"].tolist()
    network = network_of(run.classifier, mistakes.pixels[0])
    heat = []
    starts = range(0, len(names), _BATCH)
    for start in progress.track(starts, "Drawing heat maps (batches)", len(starts)):
        part = slice(start, start + _BATCH)
        heat += explain_images(
            run.classifier, names[part], list(mistakes.pixels[part]), method="grad-cam"
        )
    nearest = _nearest(run, network, mistakes, progress)
    ratios = np.ones(len(names))
    if run.recipe.preprocessing.resize == "stretch":
        ratios = (mistakes.table["width"] / mistakes.table["height"]).to_numpy(np.float64)
    return {
        name: Look(_unstretched(map_of.overlay(), ratio), *near)
        for name, map_of, ratio, near in zip(names, heat, ratios, nearest, strict=True)
    }


def _unstretched(heat: NDArray[np.uint8], ratio: float) -> NDArray[np.uint8]:
    """Return a heat map of the picture's own ratio of width to height."""
    side = max(heat.shape[:2])
    size = max(1, round(side * min(1, ratio))), max(1, round(side / max(1, ratio)))
    return np.asarray(cv2.resize(heat, size, interpolation=cv2.INTER_AREA), np.uint8)


def _nearest(
    run: Run, network: "Network | LinearNetwork", mistakes: _Seen, progress: Progress
) -> list[tuple[str | None, str, float]]:
    """Return locator, label and cosine of the nearest training picture of each mistake."""
    training = run.dataset.where(run.dataset.table["split"] == "train")
    few = np.arange(len(training)) % max(1, -(-len(training) // _TRAINING)) == 0
    known = _read(
        run, training.where(few & ~training.table["locator"].isin(mistakes.table["locator"]))
    )
    if not len(known.pixels):
        return [(None, "", 0.0)] * len(mistakes.pixels)
    cosines = (
        _pooled(network, mistakes.pixels, progress) @ _pooled(network, known.pixels, progress).T
    )
    at = cosines.argmax(axis=1)
    rows = known.table.iloc[at]
    return [
        (str(locator), str(label), float(cosine))
        for locator, label, cosine in zip(
            rows["locator"], rows["label"], cosines.max(axis=1), strict=True
        )
    ]


def _pooled(
    network: "Network | LinearNetwork", pixels: NDArray[np.uint8], progress: Progress
) -> Matrix:
    """Return the means of the last map's channels as rows of length 1."""
    starts, last_map = range(0, len(pixels), _BATCH), cast(Any, network.last_map)
    means = [
        network.values(last_map, pixels[start : start + _BATCH]).mean(axis=(1, 2))
        for start in progress.track(starts, "Comparing pictures (batches)", len(starts))
    ]
    rows = np.concatenate(means)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def _read(run: Run, part: Dataset) -> _Seen:
    """Read the pictures that are still there."""
    store = open_store(part, run.classifier.preprocessing)
    described = store.describe(part)
    readable = described.readable
    if not len(readable):
        return _Seen(readable.table, np.empty((0, 1, 1, 1), np.uint8))
    pixels, kept = store.pictures(readable).read(np.arange(len(readable)))
    return _Seen(readable.table[kept], pixels)
