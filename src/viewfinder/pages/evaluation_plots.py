"""The curves of an evaluation as figures: ROC, precision and recall, reliability."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from viewfinder.evaluation.metrics import Metrics
from viewfinder.pages.parts.words import short_name
from viewfinder.pages.plots.style import ACCENT, MUTED, SMALL_TEXT, STROKES, TEXT, chart
from viewfinder.pages.plots.svg import save_and_embed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from viewfinder.evaluation.robustness import Robustness

_MARGINS = (54, 24, 40, 40)


def write_evaluation_plots(
    metrics: Metrics, folder: Path, changed: "Robustness | None" = None
) -> list[Path]:
    """Draw `roc`, `precision-recall` and `reliability` into a folder, each as PNG and SVG.

    With `changed`, also `robustness`.

    Raises:
        OutputError: The folder cannot be written.
    """
    drawings = evaluation_plots(metrics)
    if changed:
        drawings["robustness"] = robustness(changed)
    for name, figure in drawings.items():
        save_and_embed(figure, folder / name)
    return [folder / f"{name}.png" for name in drawings]


def evaluation_plots(metrics: Metrics) -> "dict[str, Figure]":
    """Return the figures `roc`, `precision-recall` and `reliability`."""
    return {
        "roc": roc_curves(metrics),
        "precision-recall": precision_recall_curves(metrics),
        "reliability": reliability(metrics),
    }


def roc_curves(metrics: Metrics) -> "Figure":
    """Draw the ROC curves of the five classes with the smallest areas."""
    figure, axes = chart("ROC: each class against the others", "false positives", _MARGINS)
    _diagonal(axes)
    for number, one in enumerate(_worst(metrics, "auc")):
        curve = metrics.roc(one)
        _line(axes, curve["false_positives"], curve["recall"], number, _name(metrics, one, "auc"))
    return _finished(figure, axes, "recall", "ROC curves")


def precision_recall_curves(metrics: Metrics) -> "Figure":
    """Draw precision over recall for the five classes with the smallest areas."""
    figure, axes = chart("Precision and recall of each class", "recall", _MARGINS)
    for number, one in enumerate(_worst(metrics, "average_precision")):
        curve = metrics.precision_recall(one)
        label = _name(metrics, one, "average_precision")
        _line(axes, curve["recall"], curve["precision"], number, label, drawstyle="steps-post")
    return _finished(figure, axes, "precision", "Curves of precision and recall")


def reliability(metrics: Metrics) -> "Figure":
    """Draw the accuracy of answers over their confidence, with intervals."""
    figure, axes = chart("Reliability", "confidence", _MARGINS)
    _diagonal(axes)
    bins = metrics.calibration.bins
    centre = bins["accuracy"].to_numpy()
    ends = np.abs(bins[["accuracy_low", "accuracy_high"]].to_numpy().T - centre)
    label = f"calibration error {metrics.calibration.error.value:.3f}"
    axes.errorbar(
        bins["confidence"], centre, ends, color=ACCENT, marker="o", capsize=3, label=label
    )
    return _finished(figure, axes, "accuracy", "Reliability diagram")


def robustness(found: "Robustness") -> "Figure":
    """Draw the accuracy over the strength of each change; 0 is without a change."""
    figure, axes = chart("Accuracy on changed pictures", "strength", _MARGINS)
    for number, change in enumerate(dict.fromkeys(one.change for one in found.changed)):
        rows = [one for one in found.changed if one.change == change]
        accuracy = [found.unchanged.value, *(one.accuracy.value for one in rows)]
        _line(axes, [0, *(one.strength for one in rows)], accuracy, number, change, marker="o")
    _finished(figure, axes, "accuracy", "Accuracy on changed pictures")
    axes.set_xlim(0, max(one.strength for one in found.changed))
    return figure


def _worst(metrics: Metrics, figure: str) -> list[str]:
    areas = [(getattr(one, figure).value, one.name) for one in metrics.per_class]
    known = [
        (area, name)
        for (area, name), one in zip(areas, metrics.per_class, strict=True)
        if not np.isnan(area) and one.support < metrics.scores.count
    ]
    return [name for _, name in sorted(known)[: len(STROKES)]]


def _name(metrics: Metrics, name: str, figure: str) -> str:
    (one,) = (one for one in metrics.per_class if one.name == name)
    return f"{short_name(name, 24)}, area {getattr(one, figure).value:.3f}"


def _line(
    axes: "Axes", across: object, up: object, number: int, label: str, **look: object
) -> None:
    colour, dashes = STROKES[number]
    axes.plot(across, up, color=colour, linestyle=dashes, label=label, clip_on=False, **look)  # type: ignore[arg-type]


def _diagonal(axes: "Axes") -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)))


def _finished(figure: "Figure", axes: "Axes", up: str, label: str) -> "Figure":
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_ylabel(up, color=MUTED, fontsize=TEXT)
    lines = axes.get_legend_handles_labels()[1]
    if lines:
        legend = axes.legend(loc="best", frameon=False, fontsize=SMALL_TEXT)
        for text in legend.get_texts():
            text.set_parse_math(False)
            text.set_color(MUTED)
    figure.set_label(f"{label}: {'; '.join(lines) or 'no class has one'}.")
    return figure
