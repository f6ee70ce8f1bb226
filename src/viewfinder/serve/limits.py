"""The limits of a server, and the refusal of what is beyond them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil

from viewfinder.core.errors import UsageError
from viewfinder.pictures.codecs.types import Limits

_MB = 1_000_000
_LONGEST_WAIT_S = 60


class Refused(UsageError):
    """A request that gets another status than 200.

    Attributes:
        status: The HTTP status.
        headers: Further headers of the response.
    """

    def __init__(
        self,
        status: int,
        fact: str,
        *,
        expected: str | None = None,
        received: str | None = None,
        remedy: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(fact, expected=expected, received=received, remedy=remedy)
        self.status = status
        self.headers = headers


def overloaded(seconds: float = 1) -> Refused:
    """Return the refusal of a request that the server has no room for now."""
    wait = min(max(ceil(seconds), 1), _LONGEST_WAIT_S)
    return Refused(
        503,
        "The server has too many pictures waiting.",
        remedy=f"try again in {wait} s",
        headers={"Retry-After": str(wait)},
    )


@dataclass(frozen=True)
class ServeLimits:
    """What a server accepts.

    Attributes:
        max_megabytes: The body of a request, in 10⁶ bytes.
        max_pixels: Width × height of a picture.
        max_pictures: The pictures in a request.
        queue: The pictures that wait, of all requests.
        timeout: The seconds for receiving a request, and for answering it.

    Raises:
        UsageError: A limit is not positive.
    """

    max_megabytes: float = 32
    max_pixels: int = 50_000_000
    max_pictures: int = 64
    queue: int = 256
    timeout: float = 30

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise UsageError(
                    f"The limit `{name}` is not positive.", expected="a number above 0"
                )

    @property
    def max_bytes(self) -> int:
        """The body of a request, in bytes."""
        return round(self.max_megabytes * _MB)

    @property
    def memory(self) -> int:
        """The bodies of all requests together, in bytes."""
        return 4 * self.max_bytes

    @property
    def of_pictures(self) -> Limits:
        """The limits on each picture."""
        return Limits(max_pixels=self.max_pixels, max_bytes=self.max_bytes)


class Memory:
    """The bytes of all requests that are received or answered, at most those of some requests.

    Used from one thread.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.used = 0

    @contextmanager
    def request(self) -> "Iterator[Request]":
        """Yield the account of a request, released at its end."""
        account = Request(self)
        try:
            yield account
        finally:
            self.used -= account.used


class Request:
    """The bytes of one request."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.used = 0

    def take(self, count: int) -> None:
        """Add received bytes.

        Raises:
            Refused: All requests together have too many.
        """
        if self.memory.used + count > self.memory.most:
            raise overloaded()
        self.memory.used += count
        self.used += count
