"""The report's figures, and their files beside the page."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from viewfinder.pages import plots
from viewfinder.pages.evaluation_plots import evaluation_plots
from viewfinder.pages.parts.words import file_name, percent, short_name
from viewfinder.pages.report.gallery import Mistake, SampleRow
from viewfinder.pages.report.report import Report

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_METRICS = ("accuracy", "loss")
_WORST = 10
# What the doctor's evidence says of an epoch.
_MARKS = {"onset_epoch": "overfits from here", "epoch": "diverged"}


def write_figures(
    report: Report, rows: Sequence[SampleRow], mistakes: Sequence[Mistake], folder: Path
) -> dict[str, Markup]:
    """Write the report's figures into `folder`.

    `accuracy` and `loss` of the epochs (a linear head has none) and, where pictures were scored,
    `confusion`, `reliability`, `roc` and `precision-recall` are written as PNG and SVG, `samples`
    and `mistakes` as PNG.

    Returns:
        The former as elements of the page.
    """
    history, best = report.history, report.best_epoch
    marks = marked_epochs(report)
    metrics = () if report.probe else _METRICS
    figures = {metric: plots.curves(history, metric, best, marks) for metric in metrics}
    if report.headline is not None:
        counts = report.headline["confusion"]
        figures["confusion"] = plots.confusion_matrix(counts, report.classes)
    if report.figures is not None:
        figures |= evaluation_plots(report.figures)
    plots.save(_samples(rows), folder / "samples.png")
    plots.save(_mistakes(mistakes[:_WORST]), folder / "mistakes.png")
    return {name: plots.save_and_embed(figure, folder / name) for name, figure in figures.items()}


def marked_epochs(report: Report) -> dict[int, str]:
    """The epochs that the doctor names, with what happened there."""
    marks = {}
    for verdict in report.diagnosis.verdicts:
        for key, words in _MARKS.items():
            if isinstance(epoch := verdict.evidence.get(key), int):
                marks[epoch] = words
    return marks


def write_curves(history: "pd.DataFrame", best_epoch: int | None, folder: Path) -> None:
    """Write `accuracy.png` and `loss.png` into `folder`, each whole; see `plots.curves`."""
    for metric in _METRICS:
        plots.save(plots.curves(history, metric, best_epoch), folder / f"{metric}.png")


def _samples(rows: Sequence[SampleRow]) -> "Figure":
    shown = [(image, row.name) for row in rows for image in row.images]
    captions = [short_name(name) for _, name in shown]
    columns = max((len(row.images) for row in rows), default=1)
    # One picture a class would make a column as tall as there are classes.
    return plots.picture_grid(
        [image.pixels for image, _ in shown], captions, columns if columns > 1 else 10
    )


def _mistakes(mistakes: Sequence[Mistake]) -> "Figure":
    captions = [
        f"{short_name(mistake.true, 12)} → {short_name(mistake.predicted, 12)}\n"
        f"{percent(mistake.confidence)} sure\n{short_name(file_name(mistake.locator))}"
        for mistake in mistakes
    ]
    return plots.picture_grid([mistake.image.pixels for mistake in mistakes], captions)
