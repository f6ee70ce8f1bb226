"""Requests to the web: encrypted all the way, and errors sorted into what may pass and what not."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException, HTTPMessage, HTTPResponse
from importlib.metadata import version
from typing import IO, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

# What passes by itself: too busy, or broken for the moment. 416 asks for a new beginning.
_PASSING = frozenset({408, 416, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT_S = 60.0
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})


class Broken(Exception):
    """The connection or the server failed in a way that may be over at the next attempt.

    Attributes:
        wait_s: How long to wait before it, where that is known.
        status: The server's status, if it answered.
    """

    def __init__(self, why: str, *, wait_s: float | None = None, status: int | None = None) -> None:
        super().__init__(why)
        self.wait_s = wait_s
        self.status = status


class Gone(Exception):
    """Another attempt would end in the same way."""


class NoSuchHost(Gone):
    """The name of the server leads nowhere: mostly, this computer is offline."""


@contextmanager
def opened(url: str, headers: Mapping[str, str], timeout_s: float) -> Iterator[HTTPResponse]:
    """The server's answer to a GET: a 200 or 206.

    Only https is spoken, also after redirections; http only within this machine.

    Raises:
        Broken: It may work at the next attempt.
        Gone: It will not.
    """
    _require_safe(url)
    agent = {"User-Agent": f"viewfinder/{version('viewfinder')}"}
    request = Request(url, headers={**agent, **headers})
    try:
        response = build_opener(_SafeRedirects()).open(request, timeout=timeout_s)
    except HTTPError as error:
        with error:
            raise _refused(error) from error
    except (OSError, HTTPException) as error:
        raise _unreachable(error, urlsplit(url).hostname) from error
    with response:
        if response.status not in (200, 206):
            raise Gone(f"the server answers {response.status}")
        yield cast(HTTPResponse, response)


class _SafeRedirects(HTTPRedirectHandler):
    """Follows redirections that do not give up encryption."""

    def redirect_request(
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> Request | None:
        if not (_is_local(req.full_url) and _is_local(newurl)):
            _require_https(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _require_safe(url: str) -> None:
    if not _is_local(url):
        _require_https(url)


def _require_https(url: str) -> None:
    if urlsplit(url).scheme != "https":
        raise Gone(f"only https is spoken, and this leads to {url}")


def _is_local(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in _THIS_MACHINE


def _refused(error: HTTPError) -> Broken | Gone:
    answer = f"the server answers {error.code} {error.reason}"
    if error.code not in _PASSING:
        return Gone(answer)
    asked = error.headers["Retry-After"] or ""
    wait_s = min(float(asked), _LONGEST_WAIT_S) if asked.isdecimal() else None
    return Broken(answer, wait_s=0 if error.code == 416 else wait_s, status=error.code)


def _unreachable(error: OSError | HTTPException, host: str | None) -> Broken | Gone:
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, socket.gaierror):
        return NoSuchHost(f"{host} is not found (is this computer offline?)")
    if isinstance(reason, ssl.SSLCertVerificationError):
        return Gone(f"{host} does not prove who it is: {reason.verify_message}")
    if isinstance(reason, TimeoutError):
        return Broken(f"{host} does not answer in time")
    return Broken(f"no connection to {host}: {reason or type(reason).__name__}")
