"""The page's curves: the geometry of several runs in one SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from viewfinder.results.comparison.record import RunRecord
from viewfinder.results.plots import short_name, spread
from viewfinder.results.report import charts
from viewfinder.results.report.charts import Tick
from viewfinder.results.report.words import percent

# Room for the longest name that is written at a line's end.
_LONGEST = 16
_LABEL_GAP = 38


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run's curves in a chart.

    Attributes:
        number: The run's place among the others, from 0.
        name: What is written at the end of its validation curve.
        value: Its last value as text.
        validation: The `d` of the validation curve.
        training: The `d` of the training curve, or "".
        end: Where the validation curve ends.
        label: The height at which its name is written.
    """

    number: int
    name: str
    value: str
    validation: str
    training: str
    end: tuple[float, float]
    label: float


@dataclass(frozen=True, slots=True)
class RunsChart:
    """A metric by epoch, a line a run; see `CurveChart`."""

    title: str
    lines: tuple[RunLine, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    description: str


def runs_chart(records: Sequence[RunRecord], metric: str) -> RunsChart | None:
    """The validation curves of all runs, training beside them; None without any value."""
    shown = [(number, record) for number, record in enumerate(records) if _has(record, metric)]
    if not shown:
        return None
    tables = [record.history for _, record in shown]
    columns = (f"val_{metric}", metric)
    values = np.concatenate([np.asarray(table[one], float) for table in tables for one in columns])
    epochs = np.concatenate([table["epoch"].to_numpy(dtype=float) for table in tables])
    up = charts.ticks_up(values, metric)
    x = charts.scale(epochs.min(), epochs.max(), charts.LEFT + 8, charts.RIGHT - 8)
    y = charts.scale(up[0], up[-1], charts.BOTTOM, charts.TOP)
    ends = []
    for table in tables:
        curve = table[columns[0]].to_numpy(dtype=float)
        last = np.flatnonzero(np.isfinite(curve))[-1]
        ends.append((x(float(table["epoch"].iloc[last])), y(curve[last]), float(curve[last])))
    heights = spread([end[1] for end in ends], _LABEL_GAP)
    write = percent if metric == "accuracy" else "{:.3f}".format
    lines = [
        RunLine(
            number=number,
            name=short_name(record.name, _LONGEST),
            value=write(end[2]),
            validation=_path(table, columns[0], x, y),
            training=_path(table, columns[1], x, y),
            end=end[:2],
            label=height,
        )
        for (number, record), table, end, height in zip(shown, tables, ends, heights, strict=True)
    ]
    words = ", ".join(f"{line.name} ends at {line.value}" for line in lines)
    return RunsChart(
        title=f"{metric.capitalize()}, validation",
        lines=tuple(lines),
        across=tuple(Tick(x(tick), f"{tick:.0f}") for tick in charts.ticks_across(epochs)),
        up=tuple(Tick(y(tick), charts.tick_text(tick, up, metric)) for tick in up),
        description=f"Validation {metric} by epoch: {words}.",
    )


def _has(record: RunRecord, metric: str) -> bool:
    column = f"val_{metric}"
    history = record.history
    return column in history and bool(np.isfinite(np.asarray(history[column], float)).any())


def _path(table: pd.DataFrame, column: str, x: charts.Scale, y: charts.Scale) -> str:
    return charts.path(table["epoch"].to_numpy(float), table[column].to_numpy(float), x, y)
