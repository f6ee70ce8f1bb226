"""The command line: options in, calls of the library, tables or JSON out. No logic of its own.

One file a command; what a command needs is imported when it runs, so that help is instant.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

from viewfinder.cli.boundary import add_command
from viewfinder.core.extras import INSTALL_BACKEND

# In the order of the work, as the help shows them.
_PANELS = {
    "Data": ("fetch", "audit", "clean", "split", "journal", "materialize"),
    "Training": ("train", "preview", "lr-find", "features", "demo", "migrate"),
    "Results": ("predict", "evaluate", "doctor", "compare", "serve"),
    "Handing over": ("bundle", "verify", "export"),
    "Seeing": ("explain", "crops", "convolve"),
    "What there is": ("recipes", "bases", "datasets", "cache"),
}
# The files that are not named like their command.
_FILES = {"fetch": "datasets", "verify": "bundle", "train": "train.command"}
_NEED_KERAS = ("train", "lr-find", "features", "demo", "explain", "crops")
_SETTINGS = {"help_option_names": ["-h", "--help"]}


class _Commands(Mapping[str, Any]):
    """The commands by name; the file of one is imported when it is looked up."""

    def __init__(self) -> None:
        self._panels = {name: panel for panel, names in _PANELS.items() for name in names}
        self._made: dict[str, Any] = {}

    @override
    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _command(name, self._panels[name])
        return self._made[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._panels)

    @override
    def __len__(self) -> int:
        return len(self._panels)

    @override
    def __contains__(self, name: object) -> bool:
        return name in self._panels


def _command(name: str, panel: str) -> Any:
    file = import_module(f"viewfinder.cli.{_FILES.get(name, name.replace('-', '_'))}")
    found: Callable[..., None] | typer.Typer = getattr(file, name.replace("-", "_"))
    app = found
    if not isinstance(app, typer.Typer):
        app = typer.Typer(add_completion=False, context_settings=_SETTINGS)
        install = INSTALL_BACKEND if name in _NEED_KERAS else None
        add_command(app, found, panel=panel, install=install)
    command: Any = typer.main.get_command(app)
    command.name, command.rich_help_panel = name, panel
    return command


class _Group(TyperGroup):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands: Any = _Commands()


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
    context_settings=_SETTINGS,
    cls=_Group,
)


@main.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            metavar="",
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    pass
