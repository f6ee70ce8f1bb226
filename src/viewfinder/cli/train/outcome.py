"""What `viewfinder train` prints of a run at its end."""

from typing import TYPE_CHECKING, Any

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.core.errors import Interrupted

if TYPE_CHECKING:
    from viewfinder.run import Run


def show_outcome(run: "Run", as_json: bool) -> None:
    """Print the results; exit with the code of an interruption if there was one."""
    from viewfinder.jobs.search import is_search

    if as_json:
        print_json(_run_json(run))
    else:
        _show_result(run)
    # A search that was interrupted between two candidates has no record of its trials in the run.
    is_stopped_search = is_search(run.folder.parent) and not run.trials
    if run.timing["interrupted"] or is_stopped_search:
        raise typer.Exit(Interrupted.exit_code)


def _show_result(run: "Run") -> None:
    from viewfinder.cli.doctor import show_shortly
    from viewfinder.cli.tables import metrics_table, stdout, trials_table

    out = stdout()
    if run.trials:
        out.print(trials_table(run.trials))
        out.print(run.trials["why"], markup=False, soft_wrap=True)
    out.print(metrics_table(run.metrics))
    if run.decisions:
        out.print(f"Validation chose {', and '.join(run.decisions)}.", soft_wrap=True)
    show_shortly(run, run.doctor(), out)
    out.print(f"Run:    {run.folder}", markup=False, soft_wrap=True)
    out.print(f"Report: {run.folder / 'report.html'}", markup=False, soft_wrap=True)


def _run_json(run: "Run") -> dict[str, Any]:
    """What `--json` prints of a run; see docs/formats.md."""
    return {
        "schema": 1,
        "run": str(run.folder),
        "report": str(run.folder / "report.html"),
        "interrupted": run.timing["interrupted"],
        "ended": run.timing.get("ended"),
        "metrics": run.metrics,
        "trials": run.trials,
        "verdicts": run.doctor().to_json()["verdicts"],
    }
