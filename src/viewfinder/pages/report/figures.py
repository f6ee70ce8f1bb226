"""The report's plots as PNG files beside the page."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from viewfinder.core.files import written_whole
from viewfinder.pages import plots
from viewfinder.pages.parts.words import file_name, percent
from viewfinder.pages.report.gallery import Mistake, SampleRow
from viewfinder.pages.report.material import ReportMaterial

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def write_figures(
    material: ReportMaterial, rows: Sequence[SampleRow], mistakes: Sequence[Mistake], folder: Path
) -> None:
    """Write `accuracy`, `loss`, `confusion`, `samples` and `mistakes` as `.png` into `folder`."""
    write_curves(material.history, material.best_epoch, folder)
    drawings: dict[str, Callable[[], Figure]] = {
        "confusion": lambda: _confusion(material),
        "samples": lambda: _samples(rows),
        "mistakes": lambda: _mistakes(mistakes),
    }
    for name, draw in drawings.items():
        with written_whole(folder / f"{name}.png") as path, warnings.catch_warnings():
            # A name in a script that the font lacks is drawn as boxes; the page has it right.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            draw().savefig(path)


def write_curves(history: "pd.DataFrame", best_epoch: int | None, folder: Path) -> None:
    """Write `accuracy.png` and `loss.png` into `folder`, each whole; see `plots.curves`."""
    for metric in ("accuracy", "loss"):
        with written_whole(folder / f"{metric}.png") as path:
            plots.curves(history, metric, best_epoch).savefig(path)


def _confusion(material: ReportMaterial) -> "Figure":
    if material.headline is None:
        return plots.picture_grid([], [])
    return plots.confusion_matrix(material.headline["confusion"], material.classes)


def _samples(rows: Sequence[SampleRow]) -> "Figure":
    shown = [(image, row.name) for row in rows for image in row.images]
    captions = [plots.short_name(name) for _, name in shown]
    columns = max((len(row.images) for row in rows), default=1)
    # One picture a class would make a column as tall as there are classes.
    return plots.picture_grid(
        [image.pixels for image, _ in shown], captions, columns if columns > 1 else 10
    )


def _mistakes(mistakes: Sequence[Mistake]) -> "Figure":
    captions = [
        f"{plots.short_name(one.true, 12)} → {plots.short_name(one.said, 12)}\n"
        f"{percent(one.confidence)} sure\n{plots.short_name(file_name(one.locator))}"
        for one in mistakes
    ]
    return plots.picture_grid([one.image.pixels for one in mistakes], captions)
