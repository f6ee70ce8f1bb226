"""The page's curves: geometry only, in the units of an SVG `viewBox`; the stylesheet colours it.

They are drawn here and not by Matplotlib so that they follow the reader's light or dark theme, and
stay sharp and small.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.evaluation.comparison.paired import RunRecord
from viewfinder.pages.parts import svg as charts
from viewfinder.pages.parts.words import percent
from viewfinder.pages.plots import phase_switch, short_name, spread

if TYPE_CHECKING:
    import pandas as pd

Values = NDArray[np.float64]
Scale = Callable[[float], float]

# Labels stand right of the last value, so the plot leaves them room.
WIDTH, HEIGHT = 440, 276
LEFT, RIGHT, TOP, BOTTOM = 52, 346, 34, 242
_LABEL_GAP = 38


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis and what is written there."""

    place: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart.

    Attributes:
        kind: "training" or "validation".
        path: The `d` of an SVG path; it is interrupted where values are missing.
        end: Where the last value lies.
        label: The height at which its name is written.
        value: The last value as text.
    """

    kind: str
    path: str
    end: tuple[float, float]
    label: float
    value: str


@dataclass(frozen=True, slots=True)
class CurveChart:
    """A metric by epoch.

    Attributes:
        title: The metric's name.
        lines: Training, then validation where there was one.
        across: Ticks of whole epochs.
        up: Ticks of the metric.
        best: The kept epoch's place across and up, and its number, or None.
        switch: Where, across, fine-tuning begins, or None.
        description: The chart in words, for those who cannot see it.
    """

    title: str
    lines: tuple[Line, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    best: tuple[float, float, int] | None
    switch: float | None
    description: str


def curve_chart(history: "pd.DataFrame", metric: str, best_epoch: int | None) -> CurveChart | None:
    """Training against validation, by epoch; None when there is nothing to draw."""
    found = _values(history, metric)
    if not found:
        return None
    epochs = history["epoch"].to_numpy(dtype=float)
    up = ticks_up(np.concatenate(list(found.values())), metric)
    x = scale(epochs.min(), epochs.max(), LEFT + 8, RIGHT - 8)
    y = scale(up[0], up[-1], BOTTOM, TOP)
    last = {kind: np.flatnonzero(np.isfinite(values))[-1] for kind, values in found.items()}
    ends = {kind: (x(epochs[last[kind]]), y(found[kind][last[kind]])) for kind in found}
    heights = spread([ends[kind][1] for kind in found], _LABEL_GAP)
    write = percent if metric == "accuracy" else "{:.3f}".format
    lines = [
        Line(kind, path(epochs, values, x, y), ends[kind], height, write(float(values[last[kind]])))
        for (kind, values), height in zip(found.items(), heights, strict=True)
    ]
    words = ", ".join(f"{line.kind} ends at {line.value}" for line in lines)
    switch = phase_switch(history)
    return CurveChart(
        title=metric.capitalize(),
        lines=tuple(lines),
        across=tuple(Tick(x(tick), f"{tick:.0f}") for tick in ticks_across(epochs)),
        up=tuple(Tick(y(tick), tick_text(tick, up, metric)) for tick in up),
        best=_best(epochs, list(found.values())[-1], best_epoch, (x, y)),
        switch=None if switch is None else x(switch),
        description=f"{metric.capitalize()} over {len(epochs)} epochs: {words}.",
    )


def _values(history: "pd.DataFrame", metric: str) -> dict[str, Values]:
    columns = {"training": metric, "validation": f"val_{metric}"}
    found = {
        kind: history[column].to_numpy(dtype=float)
        for kind, column in columns.items()
        if column in history
    }
    return {kind: values for kind, values in found.items() if np.isfinite(values).any()}


def ticks_up(values: Values, metric: str) -> list[float]:
    """Round values of a metric that enclose these; a loss starts at 0 or below."""
    from matplotlib.ticker import MaxNLocator

    finite = values[np.isfinite(values)]
    low, high = float(finite.min()), float(finite.max())
    if metric == "loss":
        low = min(low, 0.0)
    pad = max(0.02 * (high - low), 1e-3)
    ticks = np.asarray(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high + pad))
    if metric == "accuracy":
        # A share beyond 0 to 1 does not exist, so neither does its tick.
        ticks = np.unique(np.clip(ticks, 0.0, 1.0))
    return [float(tick) for tick in ticks]


def ticks_across(epochs: Values) -> list[float]:
    """Round epochs within these, the first one always."""
    from matplotlib.ticker import MaxNLocator

    first, last = float(epochs.min()), float(epochs.max())
    if last - first < 1:
        return [first]
    ticks = MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]).tick_values(first, last)
    inside = [float(tick) for tick in ticks if first <= tick <= last]
    # Epochs count from 1, but round numbers read better after it.
    gap = inside[1] - inside[0] if len(inside) > 1 else 1.0
    return [first, *(tick for tick in inside if tick - first > gap / 2)]


def tick_text(tick: float, ticks: list[float], metric: str) -> str:
    """A tick with as many digits as tell it from its neighbours."""
    factor = 100 if metric == "accuracy" else 1
    step = factor * min(np.diff(ticks)) if len(ticks) > 1 else factor
    digits = next((n for n in range(5) if abs(step - round(step, n)) < 1e-9), 5)
    return f"{factor * tick:.{digits}f}" + ("\N{NO-BREAK SPACE}%" if metric == "accuracy" else "")


def scale(low: float, high: float, start: float, end: float) -> Scale:
    """From values between `low` and `high` to places between `start` and `end`."""
    # A single value has no extent: it lies in the middle.
    if high <= low:
        return lambda _: (start + end) / 2
    return lambda value: start + (value - low) / (high - low) * (end - start)


def path(epochs: Values, values: Values, x: Scale, y: Scale) -> str:
    """The `d` of an SVG path, interrupted where a value is missing."""
    steps = []
    pen = "M"
    for epoch, value in zip(epochs, values, strict=True):
        if np.isfinite(value):
            steps.append(f"{pen}{x(epoch):.1f} {y(value):.1f}")
            pen = "L"
        else:
            pen = "M"
    return "".join(steps)


def _best(
    epochs: Values, values: Values, best_epoch: int | None, scales: tuple[Scale, Scale]
) -> tuple[float, float, int] | None:
    at = np.flatnonzero(epochs == best_epoch)
    if best_epoch is None or not len(at) or not np.isfinite(values[at[0]]):
        return None
    return scales[0](best_epoch), scales[1](values[at[0]]), best_epoch


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


WIDTH, HEIGHT = 440, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 432, 24, 190
_BINS = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its corner, its size, and what it counts."""

    x: float
    y: float
    width: float
    height: float
    says: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """A histogram.

    Attributes:
        title: What is counted.
        bars: From left to right.
        ticks: Places across, and what is written there.
        description: The histogram in words.
    """

    title: str
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    description: str


def edges_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The edges of bins of equal ratio, so that half and double are equally far; of one value, one.

    Args:
        values: Above 0, shape `(n,)`.
    """
    low, high = float(values.min()), float(values.max())
    if high / low < 1.02:
        return np.array([low * 0.98, high * 1.02])
    return np.geomspace(low, high * (1 + 1e-9), _BINS + 1)


def histogram(title: str, values: NDArray[np.float64], unit: str, digits: int) -> Histogram:
    """How often each value occurs; the axis is logarithmic."""
    edges = edges_of(values)
    counts, _ = np.histogram(values, edges)
    step = (_RIGHT - _LEFT) / len(counts)
    tallest = max(1, int(counts.max()))
    bars = []
    for place, count in enumerate(counts):
        height = (_BOTTOM - _TOP) * int(count) / tallest
        says = f"{edges[place]:.{digits}f}–{edges[place + 1]:.{digits}f}{unit}: {count:,}"
        bars.append(
            Bar(_LEFT + place * step + 1, _BOTTOM - height, max(1.0, step - 2), height, says)
        )
    shown = sorted({0, len(counts) // 2, len(counts)})
    ticks = tuple((_LEFT + place * step, f"{edges[place]:.{digits}f}") for place in shown)
    middle = float(np.median(values))
    description = (
        f"{title}: from {values.min():.{digits}f}{unit} to {values.max():.{digits}f}{unit}"
    )
    return Histogram(title, tuple(bars), ticks, f"{description}, half below {middle:.{digits}f}.")
