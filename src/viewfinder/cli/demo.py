"""`viewfinder demo`: the main job on pictures that need no download."""

from pathlib import Path
from typing import Annotated

import typer

from viewfinder.cli.options import Quiet


def demo(
    folder: Annotated[
        Path, typer.Argument(help="Where the pictures and the run are written.")
    ] = Path("demo"),
    quiet: Quiet = False,
) -> None:
    """Train on scikit-learn's 1,797 handwritten digits, written out as a folder of pictures."""
    from viewfinder.cli.train.command import train
    from viewfinder.fetch.digits import write_digits

    pictures = folder / "digits"
    write_digits(pictures)
    typer.echo(f"The pictures: {pictures}", err=True)
    typer.echo(
        f"$ viewfinder train {pictures} --recipe digits --output {folder / 'runs'}", err=True
    )
    train(pictures, recipe="digits", output=folder / "runs", quiet=quiet)
