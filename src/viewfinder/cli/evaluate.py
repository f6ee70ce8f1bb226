"""`viewfinder evaluate`: writes a run's metrics and report again."""

from pathlib import Path
from typing import Annotated

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import ResultOptions


def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    *,
    report_only: Annotated[
        bool, typer.Option("--report-only", help="Write the report of the metrics that exist.")
    ] = False,
    results: ResultOptions,
) -> None:
    """Evaluate a run's best model on each split; write metrics.json, plots and report.html."""
    from viewfinder.cli.tables import metrics_table, stdout
    from viewfinder.run import Run

    opened = Run.open(run)
    metrics = opened.metrics if report_only else opened.evaluate(progress=results.progress)
    report = opened.report()
    if results.as_json:
        print_json(metrics)
        return
    out = stdout()
    out.print(metrics_table(metrics))
    out.print(f"Report: {report}", markup=False, soft_wrap=True)
