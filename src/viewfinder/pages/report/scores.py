"""The figures of the headline split as rows of a page, and the confusion matrix as a table."""

import math
from dataclasses import dataclass

import numpy as np

from viewfinder.core.shares import Figure
from viewfinder.evaluation.metrics import ClassMetrics, Metrics
from viewfinder.pages.parts.words import decimal, percent, percent_range
from viewfinder.pages.report.gallery import Cell
from viewfinder.pages.report.report import Report

# Of more classes, the matrix is a figure.
MOST_IN_TABLE = 30


@dataclass(frozen=True, slots=True)
class Row:
    """A figure with its 95 % interval, as texts.

    Attributes:
        kind: "model", "tempered" or "baseline".
    """

    name: str
    value: str
    interval: str
    kind: str = "model"


def figure_rows(report: Report) -> list[Row]:
    """The figures of the headline split, those at another temperature, and the baselines."""
    found = report.figures
    if found is None:
        return []
    shares = {
        "accuracy": found.accuracy,
        **{f"top-{k} accuracy": figure for k, figure in found.top.items()},
        "balanced accuracy": found.balanced_accuracy,
    }
    areas = {"mean F1 of the classes": found.macro_f1, "mean area under the ROC": found.auc}
    rows = [share_row(name, figure) for name, figure in shares.items()]
    rows += [_number_row(name, figure) for name, figure in (areas | _of_shares(found)).items()]
    if report.tempered is not None:
        rows += [
            _number_row(f"{name} at temperature {report.temperature:.2f}", figure, "tempered")
            for name, figure in _of_shares(report.tempered).items()
        ]
    for one in report.baselines:
        rows.append(share_row(f"{one.name}: accuracy", one.accuracy, "baseline"))
        name = f"{one.name}: balanced accuracy"
        rows.append(share_row(name, one.balanced_accuracy, "baseline"))
    return rows


def _of_shares(found: Metrics) -> dict[str, Figure]:
    return {
        "log loss": found.log_loss,
        "Brier score": found.brier,
        "expected calibration error": found.calibration.error,
    }


def share_row(name: str, figure: Figure, kind: str = "model") -> Row:
    """A share as a row in percent."""
    return Row(name, percent(figure.value), range_of(figure), kind)


def range_of(figure: Figure) -> str:
    """The interval of a share in percent, or "" where it is unknown."""
    return "" if math.isnan(figure.value) else percent_range(figure.low, figure.high)


def _number_row(name: str, figure: Figure, kind: str = "model") -> Row:
    if math.isnan(figure.value):
        return Row(name, "–", "", kind)
    high = "∞" if math.isinf(figure.high) else decimal(figure.high)
    return Row(name, decimal(figure.value), f"{decimal(figure.low)}–{high}", kind)


def weakest_first(report: Report) -> list[ClassMetrics]:
    """The classes by F1, rising; classes without pictures come last."""
    rows = report.figures.per_class if report.figures else ()
    return sorted(rows, key=lambda one: (not one.support, np.nan_to_num(one.f1.value)))


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """The cells of one class, one for each answer: the count, its depth (0 to 1), its pictures."""

    name: str
    cells: tuple[tuple[int, float, Cell | None], ...]


def matrix_rows(report: Report, cells: list[Cell]) -> list[MatrixRow]:
    """The confusion matrix of up to 30 classes; empty for more.

    The depth rises with the share of the row, to the power of 0.4, as in the figure.
    """
    if report.headline is None or len(report.classes) > MOST_IN_TABLE:
        return []
    counts = np.asarray(report.headline["confusion"])
    depths = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)) ** 0.4
    by_place = {(cell.true, cell.predicted): cell for cell in cells}
    return [
        MatrixRow(
            name,
            tuple(
                (int(count), round(float(depth), 2), by_place.get((true, predicted)))
                for predicted, (count, depth) in enumerate(zip(row, shades, strict=True))
            ),
        )
        for true, (name, row, shades) in enumerate(zip(report.classes, counts, depths, strict=True))
    ]
