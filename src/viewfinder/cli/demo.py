"""`viewfinder demo`: trains on pictures that need no download."""

from pathlib import Path
from typing import Annotated

import typer

from viewfinder.cli.options import Quiet, RecipeOptions, ResultOptions
from viewfinder.cli.train.command import train
from viewfinder.cli.train.options import Request, RunOptions


def demo(
    folder: Annotated[Path, typer.Argument(help="Folder for the pictures and the run.")] = Path(
        "demo"
    ),
    *,
    quiet: Quiet = False,
) -> None:
    """Train on scikit-learn's 1,797 handwritten digits, written as a folder of pictures."""
    from viewfinder.fetch.digits import write_digits

    pictures = folder / "digits"
    write_digits(pictures)
    results = ResultOptions(quiet=quiet)
    progress = results.progress
    progress.say(f"Pictures: {pictures}")
    progress.say(f"$ viewfinder train {pictures} --recipe digits --output {folder / 'runs'}")
    recipe, run = RecipeOptions(recipe="digits"), RunOptions(output=folder / "runs")
    train(Request(pictures, recipe, run=run, results=results))
