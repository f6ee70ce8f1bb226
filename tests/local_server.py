"""A web server on this machine whose answers are written by the test: good, broken and lying."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: "Web"

    def do_GET(self) -> None:
        self.web.asked.append(Asked(self.path, self.headers["Range"], self.headers["If-Range"]))
        self.web.answer_for(self.path)(self)
        # What a test lies about would confuse the next request on the same connection.
        self.close_connection = True

    def begin(self, status: int, **headers: object) -> None:
        self.send_response(status)
        self.send_header("Connection", "close")
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def body(self, content: bytes) -> None:
        # Counted first: the client may have all of it, and go on, before `write` returns here.
        self.web.sent += len(content)
        with suppress(OSError):  # the client may hang up
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Tests' output is not for this."""


@dataclass(frozen=True)
class Asked:
    path: str
    range: str | None
    if_range: str | None


@dataclass
class Web:
    """What is served, what was asked for, and how many bytes of content were given to clients."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    sent: int = 0

    def serve(self, path: str, *answers: Answer) -> str:
        """Give these answers in turn, the last one again and again; returns the address."""
        self.answers[path] = list(answers)
        return self.url + path

    def answer_for(self, path: str) -> Answer:
        answers = self.answers.get(path) or [status(404)]
        return answers.pop(0) if len(answers) > 1 else answers[0]


def file(content: bytes, *, etag: str | None = '"one"', ranges: bool = True) -> Answer:
    """A server as it should be; or one that ignores `Range`, or knows no tags."""

    def answer(handler: Handler) -> None:
        asked = handler.headers["Range"]
        is_same = handler.headers["If-Range"] in (None, etag)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if not (asked and ranges and is_same):
            handler.begin(200, Content_Length=len(content), ETag=etag)
            handler.body(content)
        elif start >= len(content):
            handler.begin(416, Content_Range=f"bytes */{len(content)}", Content_Length=0)
        else:
            span = f"bytes {start}-{len(content) - 1}/{len(content)}"
            length = len(content) - start
            handler.begin(206, Content_Length=length, Content_Range=span, ETag=etag)
            handler.body(content[start:])

    return answer


def breaks_off(content: bytes, after: int, *, etag: str | None = '"one"') -> Answer:
    """Promises all and hangs up after some bytes."""

    def answer(handler: Handler) -> None:
        handler.begin(200, Content_Length=len(content), ETag=etag)
        handler.body(content[:after])

    return answer


def declares(content: bytes, length: int | None) -> Answer:
    """Declares another length than it sends, or none at all."""

    def answer(handler: Handler) -> None:
        handler.begin(200, Content_Length=length)
        handler.body(content)

    return answer


def stalls(content: bytes, after: int, until: threading.Event) -> Answer:
    """Sends some bytes, then nothing, and keeps the connection open."""

    def answer(handler: Handler) -> None:
        handler.begin(200, Content_Length=len(content), ETag='"one"')
        handler.body(content[:after])
        until.wait(10)

    return answer


def status(code: int, **headers: object) -> Answer:
    return lambda handler: handler.begin(code, Content_Length=0, **headers)


@contextmanager
def running() -> Iterator[Web]:
    """The server, on a free port of 127.0.0.1."""
    web = Web()
    handler = type("ThisHandler", (Handler,), {"web": web})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    web.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
