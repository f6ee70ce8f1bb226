"""Listening, and ending on a signal once all requests are answered."""

import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from viewfinder.core.errors import UsageError
from viewfinder.serve.service import Service

_LARGEST_PORT = 65_535
INSTALL = "pip install 'viewfinder[serve]'"


def require_server() -> None:
    """Raise `UsageError` unless the extra `[serve]` is installed."""
    from importlib.util import find_spec

    names = {"fastapi": "FastAPI", "uvicorn": "uvicorn", "python_multipart": "python-multipart"}
    if missing := [name for module, name in names.items() if not find_spec(module)]:
        raise UsageError(f"Serving needs {', '.join(missing)}.", remedy=INSTALL)


def bound(host: str, port: int) -> socket.socket:
    """Return a socket at this address, which does not listen yet.

    Args:
        host: A name or an address.
        port: 0 for any free port.

    Raises:
        UsageError: The address does not exist here, or is taken.
    """
    try:
        if not 0 <= port <= _LARGEST_PORT:  # some systems would take it modulo 65,536
            raise OverflowError(f"ports are 0 to {_LARGEST_PORT:,}")
        family, kind, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        opened = socket.socket(family, kind)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
    except (OSError, UnicodeError, OverflowError) as error:
        raise UsageError(
            f"Cannot listen at {host}, port {port}: {getattr(error, 'strerror', None) or error}.",
            expected="an address of this machine, and a port that is free",
            remedy="choose another `port`; 0 takes any free one",
        ) from error
    return opened


def run(service: Service, at: socket.socket, *, patience: float) -> None:
    """Serve until SIGTERM or Ctrl-C; then answer what was received.

    Args:
        service: The classifier.
        at: See `bound`.
        patience: The longest time for the last answers, in seconds.
    """
    import uvicorn

    server = uvicorn.Server(settings(service, patience))
    with _ended_by_signals(server):
        server.run(sockets=[at])
    service.close()


def settings(service: Service, patience: float) -> Any:
    """Return uvicorn's settings; see `run`."""
    import uvicorn

    from viewfinder.serve.app import make_app
    from viewfinder.serve.connection import connection

    # It warns of every damaged form, and uvicorn of every damaged request, to which the client has
    # an answer.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    return uvicorn.Config(
        make_app(service),
        http=connection(service.options.limits.timeout),
        ws="none",
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=patience,
    )


@contextmanager
def _ended_by_signals(server: Any) -> Iterator[None]:
    """End the server by signals that come before uvicorn waits for them, with exit code 0.

    uvicorn raises the signals that ended it again afterwards, here without effect.
    """

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        server.should_exit = True

    before = {name: signal.signal(name, end) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
