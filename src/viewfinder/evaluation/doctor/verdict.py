"""The record of a verdict, and the format of its figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from viewfinder.core.words import NO_BREAK, listed

_MOST_NAMES = 5


class Severity(StrEnum):
    """The severity of a verdict.

    `error`: the model or its figure is of no use. `warning`: it could be better, or is less certain
    than it seems. `info`: good to know. `good`: no problem was found.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    GOOD = "good"

    @property
    def rank(self) -> int:
        """The position in the order of severity, 0 for the worst."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Try:
    """A suggestion.

    Attributes:
        flag: An option of the next `viewfinder train`, such as "--augment standard", or a command.
        why: Its effect, in a few words.
    """

    flag: str
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The finding of a rule.

    Attributes:
        code: A stable name, such as "overfitting".
        severity: The severity.
        sentence: The diagnosis, in one sentence.
        because: The figures behind it, in a sentence or two.
        evidence: These figures: numbers, texts, and lists of them.
        tries: The suggestions, the most promising first.
    """

    code: str
    severity: Severity
    sentence: str
    because: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    tries: tuple[Try, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as in `doctor.json`; see docs/formats.md."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "sentence": self.sentence,
            "because": self.because,
            "evidence": dict(self.evidence),
            "try": [{"flag": option.flag, "why": option.why} for option in self.tries],
        }


def between(interval: tuple[float, float]) -> str:
    """Format an interval of shares as "95 % interval 69.3–74.9 %"."""
    low, high = interval
    return f"95{NO_BREAK}% interval {100 * low:.1f}–{100 * high:.1f}{NO_BREAK}%"


def points(difference: float) -> str:
    """Format a difference of shares as "20.0 points"."""
    return f"{100 * difference:.1f}{NO_BREAK}points"


def points_between(interval: tuple[float, float]) -> str:
    """Format an interval of a difference of shares as "95 % interval 1.2 to 3.4"."""
    low, high = interval
    return f"95{NO_BREAK}% interval {100 * low:.1f} to {100 * high:.1f}"


def quoted(names: Sequence[str]) -> str:
    """Name up to five classes in quotes, and state how many more there are."""
    return listed((f"“{name}”" for name in names), _MOST_NAMES)


def rate_flag(rate: float) -> str:
    """Format a learning rate of one digit as the flag that sets it."""
    return f"--lr {float(f'{rate:.1g}'):g}"


def plural(count: int, noun: str) -> str:
    """Format a count as "1 picture" or "12 pictures"."""
    return f"{count:,}{NO_BREAK}{noun}{'' if count == 1 else 's'}".replace(
        ",", "\N{NARROW NO-BREAK SPACE}"
    )
