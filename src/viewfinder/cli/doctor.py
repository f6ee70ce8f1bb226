"""`viewfinder doctor`: what is wrong with a training, and what to try."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import AsJson, Quiet, Verbose, verbosity
from viewfinder.cli.tables import stdout

if TYPE_CHECKING:
    from viewfinder.evaluation.doctor import Diagnosis, Verdict

_STYLES = {"error": "bold red", "warning": "yellow", "info": "dim", "good": "green"}
_MOST = 3

# What stands left, what right, and the style of what stands right.
Row = tuple[str, str, str]


def show_diagnosis(diagnosis: "Diagnosis") -> None:
    """Everything: each verdict, what it rests on, and all there is to try."""
    out = stdout()
    for number, verdict in enumerate(diagnosis.verdicts):
        if number:
            out.print()
        rows = [_head(verdict)]
        if verdict.because:
            rows.append(("", verdict.because, "dim"))
        rows += [("", f"try {one.flag}: {one.why}", "") for one in verdict.tries]
        _print(out, rows)
    if diagnosis.unseen:
        out.print(Text(f"\nNot looked at: {'; '.join(diagnosis.unseen)}.", "dim"))


def show_shortly(diagnosis: "Diagnosis", out: Console, run: str) -> None:
    """The worst few verdicts, each with the first thing to try, and where the rest is."""
    for verdict in diagnosis.verdicts[:_MOST]:
        rows = [_head(verdict)]
        rows += [("", f"try {one.flag}: {one.why}", "dim") for one in verdict.tries[:1]]
        _print(out, rows)
    more = len(diagnosis.verdicts) - _MOST
    rest = f" ({more} more)" if more > 0 else ""
    out.print(f"Doctor: viewfinder doctor {run}{rest}", markup=False, soft_wrap=True)


def _head(verdict: "Verdict") -> Row:
    return verdict.severity.value, verdict.sentence, ""


def _print(out: Console, rows: Iterable[Row]) -> None:
    """Two columns on a terminal; in a pipe, lines without an end."""
    if not out.is_terminal:
        for left, right, _ in rows:
            out.print(f"{left:<9}{right}", markup=False, soft_wrap=True)
        return
    shown = Table.grid(padding=(0, 1, 0, 0))
    shown.add_column(no_wrap=True, width=8)
    shown.add_column(overflow="fold")
    for left, right, style in rows:
        shown.add_row(Text(left, _STYLES.get(left, "")), Text(right, style))
    out.print(shown)


def doctor(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Say what is wrong with a training, from which figures that follows, and what to try."""
    from viewfinder.core.progress import Progress
    from viewfinder.run import Run

    diagnosis = Run.open(run).doctor(progress=Progress(verbosity(quiet, verbose)))
    if as_json:
        print_json(diagnosis.to_json())
    else:
        show_diagnosis(diagnosis)
