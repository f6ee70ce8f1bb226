"""`viewfinder doctor`: what is wrong with a training, and what to try."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from viewfinder.cli.boundary import print_json
from viewfinder.cli.flags import in_flags
from viewfinder.cli.groups import flags_of
from viewfinder.cli.options import ResultOptions
from viewfinder.cli.tables import Row, print_lines, print_rows, stdout
from viewfinder.cli.train.options import Request

if TYPE_CHECKING:
    from viewfinder.evaluation.doctor import Diagnosis, Try, Verdict
    from viewfinder.run_folder import RunFolder

_MOST = 3


def show_diagnosis(run: "RunFolder", diagnosis: "Diagnosis") -> None:
    """Print each verdict, its evidence, and everything to try."""
    for number, verdict in enumerate(diagnosis.to_copy(run).verdicts):
        if number:
            print_lines("")
        rows = [_head(verdict)]
        if verdict.because:
            rows.append(("", verdict.because, "dim"))
        rows += [("", _advice(one), "") for one in verdict.tries]
        print_rows(rows)
    if diagnosis.unseen:
        stdout().print(Text(f"\nNot examined: {'; '.join(diagnosis.unseen)}.", "dim"))


def show_shortly(run: "RunFolder", diagnosis: "Diagnosis") -> None:
    """Print the worst verdicts, each with the first thing to try, and the command for the rest."""
    for verdict in diagnosis.to_copy(run).verdicts[:_MOST]:
        rows = [_head(verdict)]
        rows += [("", _advice(one), "dim") for one in verdict.tries[:1]]
        print_rows(rows)
    more = len(diagnosis.verdicts) - _MOST
    rest = f" ({more} more)" if more > 0 else ""
    command = f"viewfinder doctor {shlex.quote(str(run))}{rest}"
    print_lines(f"Doctor: {command}")


def _head(verdict: "Verdict") -> Row:
    return verdict.severity.value, verdict.sentence, ""


def _advice(one: "Try") -> str:
    """What to try, in flags of `viewfinder train`, or as a command to copy."""
    return f"try {in_flags(one.flag, flags_of(Request))}: {one.why}"


def doctor(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")], *, results: ResultOptions
) -> None:
    """Print what is wrong with a training, the evidence for it, and what to try."""
    from viewfinder.run import Run

    opened = Run.open(run)
    diagnosis = opened.doctor(progress=results.progress)
    if results.as_json:
        print_json(diagnosis.to_json())
    else:
        show_diagnosis(opened, diagnosis)
