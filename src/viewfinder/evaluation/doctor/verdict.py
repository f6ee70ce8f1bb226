"""A verdict, and how it is put into words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# A number and its unit stay on one line.
_JOIN = "\N{NO-BREAK SPACE}"


class Severity(StrEnum):
    """How much a verdict matters.

    `error`: the model or its figure is of no use. `warning`: it could be better, or is known less
    well than it seems. `info`: good to know. `good`: nothing was found.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    GOOD = "good"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Try:
    """What to do next.

    Attributes:
        flag: For the next `viewfinder train`, such as "--augment standard"; or another command.
        why: What it would do, in a few words.
    """

    flag: str
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that a training shows.

    Attributes:
        code: Its name, the same in every run: "overfitting".
        severity: How much it matters.
        sentence: The diagnosis, in one sentence.
        because: The figures it rests on, in a sentence or two.
        evidence: These figures: numbers, texts, and lists of them.
        tries: What to do, the first thing first.
    """

    code: str
    severity: Severity
    sentence: str
    because: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    tries: tuple[Try, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The record for machines; see docs/formats.md."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "sentence": self.sentence,
            "because": self.because,
            "evidence": dict(self.evidence),
            "try": [{"flag": one.flag, "why": one.why} for one in self.tries],
        }


def percent(share: float) -> str:
    """A share from 0 to 1 as "72.2 %"."""
    return f"{100 * share:.1f}{_JOIN}%"


def between(interval: tuple[float, float]) -> str:
    """An interval of shares as "95 % interval 69.3–74.9 %"."""
    low, high = interval
    return f"95{_JOIN}% interval {100 * low:.1f}–{100 * high:.1f}{_JOIN}%"


def points(difference: float) -> str:
    """A difference of shares as "20.0 points"."""
    return f"{100 * difference:.1f}{_JOIN}points"


def points_between(interval: tuple[float, float]) -> str:
    """An interval of such a difference."""
    low, high = interval
    return f"95{_JOIN}% interval {100 * low:.1f} to {100 * high:.1f}"


def plural(count: int, noun: str) -> str:
    """ "1 picture", "12 pictures"."""
    return f"{count:,}{_JOIN}{noun}{'' if count == 1 else 's'}".replace(
        ",", "\N{NARROW NO-BREAK SPACE}"
    )
