"""`viewfinder doctor`: what is wrong with a training, and what to try."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from viewfinder.cli.boundary import print_json
from viewfinder.cli.flags import in_flags
from viewfinder.cli.groups import flags_of
from viewfinder.cli.options import ResultOptions
from viewfinder.cli.tables import Row, print_rows, stdout
from viewfinder.cli.train.options import Request

if TYPE_CHECKING:
    from viewfinder.evaluation.doctor import Diagnosis, Try, Verdict
    from viewfinder.run_folder import RunFolder

_MOST = 3


def show_diagnosis(run: "RunFolder", diagnosis: "Diagnosis") -> None:
    """Print each verdict, its evidence, and everything to try."""
    out, names = stdout(), _names(run)
    for number, verdict in enumerate(diagnosis.verdicts):
        if number:
            out.print()
        rows = [_head(verdict)]
        if verdict.because:
            rows.append(("", verdict.because, "dim"))
        rows += [("", _advice(one, names), "") for one in verdict.tries]
        print_rows(out, rows)
    if diagnosis.unseen:
        out.print(Text(f"\nNot examined: {'; '.join(diagnosis.unseen)}.", "dim"))


def show_shortly(run: "RunFolder", diagnosis: "Diagnosis", out: Console) -> None:
    """Print the worst verdicts, each with the first thing to try, and the command for the rest."""
    names = _names(run)
    for verdict in diagnosis.verdicts[:_MOST]:
        rows = [_head(verdict)]
        rows += [("", _advice(one, names), "dim") for one in verdict.tries[:1]]
        print_rows(out, rows)
    more = len(diagnosis.verdicts) - _MOST
    rest = f" ({more} more)" if more > 0 else ""
    command = f"viewfinder doctor {names['RUN']}{rest}"
    out.print(f"Doctor: {command}", markup=False, soft_wrap=True)


def _head(verdict: "Verdict") -> Row:
    return verdict.severity.value, verdict.sentence, ""


def _names(run: "RunFolder") -> dict[str, str]:
    """What the placeholders of suggested commands stand for in this run, quoted for a shell."""
    data = Path(str(run.source))
    saved = f"{data.resolve().name.partition('.')[0] or 'data'}.dataset"
    saved = saved.replace(".dataset", "-2.dataset") if saved == data.name else saved
    names = {"DATA": str(data), "RUN": str(run), "NAME.dataset": saved}
    return {name: shlex.quote(value) for name, value in names.items()}


def _advice(one: "Try", names: Mapping[str, str]) -> str:
    """What to try, in flags of `viewfinder train`, or as a command to copy."""
    flag = re.sub(r"\b(DATA|RUN|NAME\.dataset)\b", lambda found: names[found[0]], one.flag)
    return f"try {in_flags(flag, flags_of(Request))}: {one.why}"


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
