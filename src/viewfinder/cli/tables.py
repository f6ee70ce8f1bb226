"""What commands show to people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from viewfinder.core.console import SafeConsole, visible
from viewfinder.core.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from viewfinder.data.dataset import Dataset
    from viewfinder.jobs.prepare import Prepared

_MOST_CLASSES = 20
_MOST_SKIPPED = 3
# The left column (a severity, or ""), the right column, and the style of the right one.
Row = tuple[str, str, str]
_STYLES = {"error": "bold red", "warning": "yellow", "info": "dim", "good": "green"}
_FIGURES = ("pictures", "accuracy", "95 % interval", "loss", "macro F1")


def show_data(
    prepared: "Prepared", progress: Progress, counts: "pd.DataFrame | None" = None
) -> None:
    """What was found, and what a recipe makes of it: its settings, its augmentation."""
    show_pictures(prepared, progress, counts)
    for line in prepared.recipe.to_yaml().splitlines():
        progress.detail(line)
    if variations := prepared.recipe.training.variations:
        progress.say("Augmentation, of training pictures only:")
        for line in variations:
            progress.say(f"  {line}")


def show_layout(dataset: "Dataset", progress: Progress) -> None:
    """What the folders of DATA were read as; nothing for other kinds of data."""
    from viewfinder.data.sources.recognise.drawn import layout_lines

    for line in layout_lines(dataset):
        progress.say(line)


def show_pictures(
    prepared: "Prepared",
    progress: Progress,
    counts: "pd.DataFrame | None" = None,
    *,
    is_seen: bool = True,
) -> None:
    """What was found: classes, counts per split, sizes, and what was skipped and why.

    With `counts`, these are shown in place of those per split. Without `is_seen` it is open yet
    at which size a model will see the pictures.
    """
    from viewfinder.audit.overview import sizes_in_words

    shown = prepared.dataset.counts() if counts is None else counts
    progress.console.print(counts_table(shown))
    seen = f"; {_seen(prepared)}" if is_seen else ""
    progress.say(f"Pictures: {sizes_in_words(prepared.dataset)}{seen}.")
    for line in [*_skipped(prepared), *prepared.dataset.notes]:
        progress.say(line)


def counts_table(counts: "pd.DataFrame") -> Table:
    """Pictures per class and split, with their sums."""
    rows = [
        [str(name), *map(str, row)] for name, row in zip(counts.index, counts.values, strict=True)
    ]
    if len(rows) > _MOST_CLASSES:
        rows = [*rows[:_MOST_CLASSES], [f"… {len(rows) - _MOST_CLASSES} more"]]
    rows.append(["all", *map(str, counts.sum())])
    return table(["class", *counts.columns], rows, numbers=True, last_is_total=True)


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    *,
    numbers: bool = False,
    last_is_total: bool = False,
    whole_names: bool = False,
) -> Table:
    """A plain table; all columns but the first stand right where they are numbers.

    With `whole_names`, the first column is never broken, so that its names can be copied.
    """
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(headings):
        right = numbers and number > 0
        shown.add_column(
            Text(heading),
            justify="right" if right else "left",
            overflow="fold",
            no_wrap=whole_names and number == 0,
        )
    rows = list(rows)
    for number, row in enumerate(rows):
        is_total = last_is_total and number == len(rows) - 1
        # Names of files and classes may hold what Rich would take for markup.
        cells = (Text(visible(cell)) if isinstance(cell, str) else cell for cell in row)
        shown.add_row(*cells, style="bold" if is_total else None)
    return shown


def print_rows(rows: Iterable[Row]) -> None:
    """Print findings in two columns on a terminal; in a pipe, as lines of any length."""
    out = stdout()
    if not out.is_terminal:
        print_lines(*(f"{left:<9}{right}" for left, right, _ in rows))
        return
    shown = Table.grid(padding=(0, 1, 0, 0))
    shown.add_column(no_wrap=True, width=8)
    shown.add_column(overflow="fold")
    for left, right, style in rows:
        shown.add_row(Text(left, _STYLES.get(left, "")), Text(visible(right), style))
    out.print(shown)


def metrics_table(metrics: Mapping[str, Any]) -> Table:
    """A row a split: count, accuracy with its interval, loss, macro F1."""
    rows = []
    for split in ("train", "validation", "test"):
        if split in metrics:
            rows += _metrics_rows(split, metrics[split])
    return table(["split", *_FIGURES], rows, numbers=True)


def folds_table(results: Mapping[str, Any]) -> Table:
    """A row a fold, and all together once none is missing; see `folds.json`."""
    rows = [_metrics_row(f"{one['fold']}", one) for one in results["folds"]]
    together = results["all"]
    if together is not None:
        rows += _metrics_rows("all", together)
    return table(["fold", *_FIGURES], rows, numbers=True)


def _metrics_rows(name: str, scores: Mapping[str, Any]) -> list[list[str]]:
    rows = [_metrics_row(name, scores)]
    if scores.get("leaks"):
        without = scores["without_leaks"]
        name = f"{name} without duplicates"
        rows.append(_metrics_row(name, without) if without else [name, "0", *["–"] * 4])
    return rows


def _metrics_row(name: str, scores: Mapping[str, Any]) -> list[str]:
    low, high = scores["accuracy_interval"]
    return [
        name,
        f"{scores['count']:,}",
        f"{scores['accuracy']:.4f}",
        f"{low:.3f}–{high:.3f}",
        f"{scores['loss']:.4f}",
        f"{scores['macro_f1']:.4f}",
    ]


def trials_table(trials: Mapping[str, Any]) -> Table:
    """A row for each way that was tried; the one that was taken is marked."""
    rows = []
    for one in trials["trials"]:
        is_taken = trials["chosen"].startswith(one["name"])
        given_up = {"behind": ", given up", "not kept": ", not kept"}.get(one["ended"], "")
        rows.append(
            [
                f"{'→' if is_taken else ' '} {one['name']}{given_up}",
                f"{one['right']:,} of {one['count']:,}",
                f"{one['accuracy']:.4f}",
                f"{one['folds']:.4f}" if one["folds"] is not None else "–",
                f"{one['seconds']:.0f} s",
            ]
        )
    return table(["tried", "right", "accuracy", "on folds", "time"], rows, numbers=True)


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[str | Text]], **look: bool
) -> None:
    """Print a table on stdout; `look` as for :func:`table`."""
    stdout().print(table(headings, rows, **look))


def print_lines(*lines: str) -> None:
    """Print lines on stdout as they are: nothing in them is markup, and none is broken."""
    out = stdout()
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)


def stdout() -> Console:
    """The console for results; in a pipe its lines are as long as they need to be."""
    console = SafeConsole(highlight=False)
    return console if console.is_terminal else SafeConsole(highlight=False, width=1000)


def _seen(prepared: "Prepared") -> str:
    height, width, channels = prepared.recipe.preprocessing.shape
    return f"the model sees {width} × {height} in {'gray' if channels == 1 else 'colour'}"


def _skipped(prepared: "Prepared") -> list[str]:
    from viewfinder.core.words import listed

    skipped: dict[str, list[str]] = {}
    for status, group in prepared.rejected.table.groupby("status", sort=True):
        skipped[str(status)] = group["locator"].tolist()
    for one in sorted(prepared.dataset.passed_over, key=lambda one: one.why):
        skipped.setdefault(one.why, []).append(one.path)
    return [
        f"Skipped, {why}: {len(names)} ({listed(names, _MOST_SKIPPED)})"
        for why, names in skipped.items()
    ]
