"""A connection that ends where the header of a request does not come in time."""

import asyncio
from typing import Any

from typing_extensions import override
from uvicorn.protocols.http.auto import AutoHTTPProtocol

_TOO_SLOW = b"The header of the request took too long."
_LATE = (
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: text/plain\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_TOO_SLOW), _TOO_SLOW)
)


class Connection(AutoHTTPProtocol):  # type: ignore[misc]
    """uvicorn's connection, which alone would wait for the rest of a header without limit.

    Attributes:
        longest_s: How long a header may take.
    """

    longest_s = 30.0
    _ending: asyncio.TimerHandle | None = None
    _has_begun = False

    @override
    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    @override
    def data_received(self, data: bytes) -> None:
        self._has_begun = True
        super().data_received(data)
        self._watch()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._ending:
            self._ending.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Start to wait for a header, or stop where it is complete."""
        is_waiting = self.cycle is None or self.cycle.response_complete
        if is_waiting and self._ending is None:
            self._ending = self.loop.call_later(self.longest_s, self._end)
        elif not is_waiting and self._ending:
            self._ending.cancel()
            self._ending = None

    def _end(self) -> None:
        if self._has_begun and not self.transport.is_closing():
            self.transport.write(_LATE)
        self.transport.close()


def connection(longest_s: float) -> type[Connection]:
    """Return a class of connections whose headers may take so many seconds."""
    return type("TimedConnection", (Connection,), {"longest_s": longest_s})
