"""Everything that can go wrong, as one tree.

    ViewfinderError
    ├── UsageError              exit 2   what was asked for cannot be done
    │   ├── RecipeError                  a recipe's name, a key or a value
    │   ├── BackendError                 no deep-learning backend is installed
    │   ├── OutputError                  the place to write to cannot be written
    │   └── OutOfMemory                  a batch does not fit into the memory
    ├── DataError               exit 3   the data cannot be used as it is
    │   ├── RejectedPicture              one picture has no usable pixels; carries its reason
    │   └── RunError                     a run's folder lacks something or is damaged
    └── Interrupted             exit 130 stopped by the user; what was done is saved

A message has up to four parts: the fact, what was expected, what came instead, and the remedy.
The command line prints these parts and no traceback; any other exception is a bug of ours.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from enum import StrEnum


class ViewfinderError(Exception):
    """Base of every error raised on purpose.

    Attributes:
        fact: What is wrong, as one sentence.
        expected: What would have been right.
        received: What came instead.
        remedy: What the user can do about it.
    """

    exit_code = 2

    def __init__(
        self,
        fact: str,
        *,
        expected: str | None = None,
        received: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(fact)
        self.fact = fact
        self.expected = expected
        self.received = received
        self.remedy = remedy

    def __str__(self) -> str:
        parts = [("Expected", self.expected), ("Received", self.received), ("Remedy", self.remedy)]
        return "\n".join([self.fact, *(f"  {name}: {text}" for name, text in parts if text)])


class UsageError(ViewfinderError):
    """What was asked for cannot be done as asked."""


class RecipeError(UsageError):
    """A recipe's name, one of its keys or one of its values is wrong."""


class BackendError(UsageError):
    """No deep-learning backend that Keras could run on is installed."""


class OutputError(UsageError):
    """The place to write to cannot be written."""


class OutOfMemory(UsageError):
    """A batch does not fit into the memory; what was reached before is saved."""


class DataError(ViewfinderError):
    """The data cannot be used as it is."""

    exit_code = 3


class Reason(StrEnum):
    """Why a picture has no usable pixels."""

    EMPTY = "empty"
    MISSING = "missing"
    NOT_A_PICTURE = "not a picture"
    UNSUPPORTED = "unsupported format"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_LARGE = "too large"


class RejectedPicture(DataError):
    """One picture has no usable pixels: the only way in which decoding fails.

    Attributes:
        reason: The kind of fault, one of :class:`Reason`.
        detail: The fact in a few words, without the picture's name.
    """

    def __init__(self, reason: Reason, detail: str, *, remedy: str | None = None) -> None:
        super().__init__(f"{reason.capitalize()}: {detail}", remedy=remedy)
        self.reason = reason
        self.detail = detail


class RunError(DataError):
    """A run's folder lacks something or is damaged."""


class Interrupted(ViewfinderError):
    """Stopped by the user; what was done so far is saved."""

    exit_code = 130


def nearest(name: str, known: Iterable[str]) -> str:
    """A remedy that names what is known, the nearest to `name` first."""
    names = list(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    listing = f"known: {', '.join(names)}"
    return f"did you mean {close[0]!r}? ({listing})" if close else listing
