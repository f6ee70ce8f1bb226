"""Where errors become messages and exit codes, and results become JSON."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import typer

from viewfinder.core.errors import Interrupted, ViewfinderError


def add_command(app: typer.Typer, command: Callable[..., None], *, name: str | None = None) -> None:
    """Add a command whose errors on purpose end in a message and an exit code, without traceback.

    A usage error of the command line itself ends in 2, as Typer does it.
    """

    @wraps(command)
    def guarded(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except ViewfinderError as error:
            show_error(error)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            typer.echo("\nInterrupted.", err=True)
            raise typer.Exit(Interrupted.exit_code) from None

    app.command(name)(guarded)


def show_error(error: ViewfinderError) -> None:
    """Print an error on stderr: the fact, then what was expected, received, and the remedy."""
    from rich.console import Console
    from rich.text import Text

    fact, *details = str(error).split("\n")
    console = Console(stderr=True, highlight=False)
    console.print(Text("Error: ", "bold red") + Text(fact), soft_wrap=True)
    for detail in details:
        console.print(Text(detail), soft_wrap=True)


def print_json(document: Mapping[str, Any]) -> None:
    """Print a result on stdout as one JSON document; `docs/schemas.json` says what is in it."""
    from viewfinder.core.files import json_text

    print(json_text(document))
