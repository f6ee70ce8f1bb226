"""`viewfinder doctor`: what is wrong with a training, and what to try."""

import json
from pathlib import Path
from typing import Annotated

import typer

from viewfinder.cli.options import AsJson, Quiet, Verbose, verbosity


def doctor(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Say what is wrong with a training, from which figures that follows, and what to try."""
    from viewfinder.cli.diagnosis import show_diagnosis
    from viewfinder.progress import Progress
    from viewfinder.run import Run

    diagnosis = Run.open(run).doctor(progress=Progress(verbosity(quiet, verbose)))
    if as_json:
        print(json.dumps(diagnosis.to_json(), indent=2))
    else:
        show_diagnosis(diagnosis)
