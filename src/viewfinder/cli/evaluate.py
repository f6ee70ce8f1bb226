"""`viewfinder evaluate` and `viewfinder report`: make a run's results again."""

from pathlib import Path
from typing import Annotated

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import AsJson, Quiet, Verbose, verbosity

RunFolder = Annotated[Path, typer.Argument(help="A run's folder.")]


def evaluate(
    run: RunFolder, as_json: AsJson = False, quiet: Quiet = False, verbose: Verbose = False
) -> None:
    """Score a run's best model again on its pictures; writes metrics.json and the report."""
    from viewfinder.cli.tables import metrics_table, stdout
    from viewfinder.core.progress import Progress
    from viewfinder.run import Run

    opened = Run.open(run)
    metrics = opened.evaluate(progress=Progress(verbosity(quiet, verbose)))
    opened.report()
    if as_json:
        print_json(metrics)
    else:
        stdout().print(metrics_table(metrics))


def report(run: RunFolder) -> None:
    """Write a run's plots and report.html again."""
    from viewfinder.cli.tables import stdout
    from viewfinder.run import Run

    stdout().print(f"Report: {Run.open(run).report()}", markup=False, soft_wrap=True)
