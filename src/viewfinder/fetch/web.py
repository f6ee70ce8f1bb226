"""HTTPS requests, with errors classed as temporary or permanent."""

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

# Temporary statuses. 416 (range not satisfiable) means that the download must start again.
_TEMPORARY = frozenset({408, 416, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT_S = 60.0
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})


class Broken(Exception):
    """A temporary failure of the connection or the server.

    Attributes:
        wait_s: The seconds to wait before the next attempt, where known.
        status: The server's status, if it responded.
    """

    def __init__(self, why: str, *, wait_s: float | None = None, status: int | None = None) -> None:
        super().__init__(why)
        self.wait_s = wait_s
        self.status = status


class Gone(Exception):
    """A permanent failure: another attempt would fail in the same way."""


class NoSuchHost(Gone):
    """The server's name cannot be resolved, mostly because this computer is offline."""


@contextmanager
def opened(url: str, headers: Mapping[str, str], timeout_s: float) -> Iterator[HTTPResponse]:
    """Yield the server's response to a GET, of status 200 or 206.

    Only https is allowed, also after redirects; plain http only to this machine.

    Raises:
        Broken: A temporary failure.
        Gone: A permanent one.
    """
    if not _is_local(url):
        _require_https(url)
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
            raise Gone(f"the server returned status {response.status}")
        yield cast(HTTPResponse, response)


class _SafeRedirects(HTTPRedirectHandler):
    """Follows redirects to https only."""

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


def _require_https(url: str) -> None:
    if urlsplit(url).scheme != "https":
        raise Gone(f"only https is allowed, and this leads to {url}")


def _is_local(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in _THIS_MACHINE


def _refused(error: HTTPError) -> Broken | Gone:
    why = f"the server returned status {error.code} {error.reason}"
    if error.code not in _TEMPORARY:
        return Gone(why)
    retry_after = error.headers["Retry-After"] or ""
    wait_s = min(float(retry_after), _LONGEST_WAIT_S) if retry_after.isdecimal() else None
    return Broken(why, wait_s=0 if error.code == 416 else wait_s, status=error.code)


def _unreachable(error: OSError | HTTPException, host: str | None) -> Broken | Gone:
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, socket.gaierror):
        return NoSuchHost(f"{host} is not found (is this computer offline?)")
    if isinstance(reason, ssl.SSLCertVerificationError):
        return Gone(f"the certificate of {host} is not valid: {reason.verify_message}")
    if isinstance(reason, TimeoutError):
        return Broken(f"{host} does not respond in time")
    return Broken(f"no connection to {host}: {reason or type(reason).__name__}")
