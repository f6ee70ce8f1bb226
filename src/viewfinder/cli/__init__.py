"""The command line: options in, calls of the library, tables or JSON out. No logic of its own.

One file a command; what a command needs is imported when it runs, so that help is instant.
"""

from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

import typer

from viewfinder.cli.audit import audit
from viewfinder.cli.bases import bases
from viewfinder.cli.boundary import add_command
from viewfinder.cli.bundle import bundle, verify
from viewfinder.cli.cache import cache
from viewfinder.cli.clean import clean
from viewfinder.cli.compare import compare
from viewfinder.cli.convolve import convolve
from viewfinder.cli.crops import crops
from viewfinder.cli.datasets import datasets, fetch
from viewfinder.cli.demo import demo
from viewfinder.cli.doctor import doctor
from viewfinder.cli.evaluate import evaluate
from viewfinder.cli.explain import explain
from viewfinder.cli.export import export
from viewfinder.cli.features import features
from viewfinder.cli.journal import journal
from viewfinder.cli.lr_find import lr_find
from viewfinder.cli.materialize import materialize
from viewfinder.cli.migrate import migrate
from viewfinder.cli.predict import predict
from viewfinder.cli.preview import preview
from viewfinder.cli.recipes import recipes
from viewfinder.cli.serve import serve
from viewfinder.cli.split import split
from viewfinder.cli.train.command import train
from viewfinder.core.extras import INSTALL_BACKEND


def _show_version(is_given: bool) -> None:
    if is_given:
        print(f"viewfinder {version('viewfinder')}")
        raise typer.Exit


main = typer.Typer(
    name="viewfinder",
    help="Turn a folder of pictures into an image classifier that you can trust.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@main.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


# In the order of the work, as the help shows them.
_COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "Data": (fetch, audit, clean, split, journal, materialize),
    "Training": (train, preview, lr_find, features, demo, migrate),
    "Results": (predict, evaluate, doctor, compare, serve),
    "Handing over": (bundle, verify, export),
    "Seeing": (explain, crops, convolve),
    "What there is": (recipes, bases, datasets),
}
_NEED_KERAS = (train, lr_find, features, demo, explain, crops)
for panel, commands in _COMMANDS.items():
    for command in commands:
        install = INSTALL_BACKEND if command in _NEED_KERAS else None
        add_command(main, command, panel=panel, install=install)
main.add_typer(cache, name="cache", rich_help_panel="What there is")
