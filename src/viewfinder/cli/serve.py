"""`viewfinder serve`: a model over HTTP."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from viewfinder.cli.options import ForeignOptions, Quiet
from viewfinder.cli.predict import AnswerOptions

if TYPE_CHECKING:
    from viewfinder.serve.limits import ServeLimits

_LIMITS = "Limits"
_LOOPBACK = ("127.", "::1", "localhost")


@dataclass(frozen=True)
class _LimitOptions:
    """What the server accepts."""

    max_megabytes: Annotated[
        float, typer.Option(help="Largest request, in 10⁶ bytes.", rich_help_panel=_LIMITS)
    ] = 32
    max_pixels: Annotated[
        int, typer.Option(help="Width × height of a picture.", rich_help_panel=_LIMITS)
    ] = 50_000_000
    max_pictures: Annotated[
        int, typer.Option(help="Most pictures in a request.", rich_help_panel=_LIMITS)
    ] = 64
    queue: Annotated[
        int, typer.Option(help="Most pictures that wait; then 503.", rich_help_panel=_LIMITS)
    ] = 256
    timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="Longest time to receive a request, and to answer it.",
            rich_help_panel=_LIMITS,
        ),
    ] = 30

    @property
    def limits(self) -> "ServeLimits":
        """As the library takes them."""
        from viewfinder.serve.limits import ServeLimits

        return ServeLimits(**vars(self))


def serve(
    run: Annotated[
        Path,
        typer.Argument(help="Folder of a run, a bundle, or a model: .keras, .h5, .onnx."),
    ],
    *,
    host: Annotated[
        str, typer.Option(help="Address to listen at; by default only this machine reaches it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at; 0 takes any free one.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="VIEWFINDER_TOKEN",
            help="Answer only requests with this bearer token.",
            show_envvar=True,
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Load Keras, and answer /explain too.")
    ] = False,
    answers: AnswerOptions,
    foreign: ForeignOptions,
    limits: _LimitOptions,
    patience: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="Longest time for the last answers, after SIGTERM or Ctrl-C.",
        ),
    ] = 30,
    quiet: Quiet = False,
) -> None:
    """Serve a model: a page to drop pictures on, and endpoints for programs.

    SIGTERM and Ctrl-C end it once all received requests are answered.
    """
    from viewfinder.core.files import named
    from viewfinder.core.progress import Progress
    from viewfinder.serve import server
    from viewfinder.serve.service import ServeOptions, Service

    server.require_server()
    progress = Progress(0 if quiet else 1)
    options = ServeOptions(answers.options, limits.limits, token, explain)
    with server.bound(host, port) as at:
        classifier = foreign.load(run, progress)
        service = Service(named(run).name, classifier, options)
        if token is None and not host.startswith(_LOOPBACK):
            progress.say(
                f"Everyone who reaches {host} can use this server: there is no --token.",
                style="yellow",
            )
        at.listen()  # from now on, requests wait
        address = f"[{host}]" if ":" in host else host
        print(f"Serving {service.name}: http://{address}:{at.getsockname()[1]}/", flush=True)
        server.run(service, at, patience=patience)
