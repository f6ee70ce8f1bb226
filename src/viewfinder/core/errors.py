"""The exceptions of this package.

    ViewfinderError
    ├── UsageError              exit 2   the request cannot be met
    │   ├── RecipeError                  a recipe's name, key or value is wrong
    │   ├── BackendError                 no deep-learning backend is installed
    │   ├── OutputError                  a file or folder cannot be written
    │   └── OutOfMemory                  a batch does not fit into the memory
    ├── DataError               exit 3   the data are unusable
    │   ├── RejectedPicture              a picture has no usable pixels; carries the reason
    │   └── RunError                     a run's folder is incomplete or damaged
    └── Interrupted             exit 130 stopped by the user; finished work is saved

A message has up to four parts: the fact, what was expected, what was received, and the remedy,
which may have steps.
The command line prints these parts and no traceback; any other exception is a bug.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from enum import StrEnum


class ViewfinderError(Exception):
    """Base of every exception that this package raises.

    Attributes:
        fact: What is wrong, as one sentence.
        expected: What is valid.
        received: What was found or given.
        remedy: What the user can do.
        steps: The steps of a remedy that has several.
    """

    exit_code = 2

    def __init__(
        self,
        fact: str,
        *,
        expected: str | None = None,
        received: str | None = None,
        remedy: str | None = None,
        steps: Sequence[str] = (),
    ) -> None:
        super().__init__(fact)
        self.fact = fact
        self.expected = expected
        self.received = received
        self.remedy = remedy
        self.steps = tuple(steps)

    @property
    def lines(self) -> list[str]:
        """The fact, each other part after its name, and the steps."""
        parts = [("Expected", self.expected), ("Received", self.received), ("Remedy", self.remedy)]
        named = [f"  {name}: {text}" for name, text in parts if text]
        return [self.fact, *named, *(f"    {step}" for step in self.steps)]

    def __str__(self) -> str:
        return "\n".join(self.lines)


class UsageError(ViewfinderError):
    """The request cannot be met."""


class RecipeError(UsageError):
    """A recipe's name, key or value is wrong."""


class BackendError(UsageError):
    """No deep-learning backend for Keras is installed."""


class OutputError(UsageError):
    """A file or folder cannot be written."""


class OutOfMemory(UsageError):
    """A batch does not fit into the memory; finished epochs are saved."""


class DataError(ViewfinderError):
    """The data are unusable."""

    exit_code = 3


class Reason(StrEnum):
    """The reasons for which a picture is rejected."""

    EMPTY = "empty"
    MISSING = "missing"
    NOT_A_PICTURE = "not a picture"
    UNSUPPORTED = "unsupported format"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_LARGE = "too large"


class RejectedPicture(DataError):
    """A picture has no usable pixels; decoding raises nothing else.

    Attributes:
        reason: The kind of fault.
        detail: The fact in a few words, without the picture's name.
    """

    def __init__(self, reason: Reason, detail: str, *, remedy: str | None = None) -> None:
        super().__init__(f"{reason.capitalize()}: {detail}", remedy=remedy)
        self.reason = reason
        self.detail = detail


class RunError(DataError):
    """A run's folder is incomplete or damaged."""


class Interrupted(ViewfinderError):
    """Stopped by the user; finished work is saved."""

    exit_code = 130


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a remedy that suggests the known name nearest to `name` and lists all of them."""
    names = list(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    listing = f"known: {', '.join(names)}"
    return f"did you mean {close[0]!r}? ({listing})" if close else listing
