"""What a check says of the data: one record a kind of thing that was found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd


class Severity(StrEnum):
    """How much a finding matters.

    `error`: what is measured on these data cannot be trusted. `warning`: pictures are lost, or the
    result suffers. `info`: good to know.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


@dataclass(frozen=True)
class Finding:
    """One kind of thing that was found.

    Attributes:
        check: Its name, the same in every audit: "exact duplicates".
        severity: How much it matters.
        sentence: What was found, with its numbers.
        remedy: What to do about it.
        paths: The locators of the pictures, the most telling first; of groups, one after another.
        notes: Something on each of these pictures, in words.
        groups: Locators that belong together, for findings about groups.
        classes: Names, for findings about classes rather than pictures.
        suggested: For each picture the label that it should perhaps have.
    """

    check: str
    severity: Severity
    sentence: str
    remedy: str
    paths: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    classes: tuple[str, ...] = ()
    suggested: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many pictures, or classes, this is about."""
        return len(self.paths) or len(self.classes)

    def to_json(self) -> dict[str, Any]:
        """The record for machines; see docs/formats.md."""
        pictures: list[dict[str, str]] = []
        for place, (path, note) in enumerate(zip(self.paths, self.notes, strict=True)):
            pictures.append({"path": path, "note": note})
            if self.suggested:
                pictures[-1]["suggested"] = self.suggested[place]
        return {
            "check": self.check,
            "severity": self.severity.value,
            "count": self.count,
            "sentence": self.sentence,
            "remedy": self.remedy,
            "pictures": pictures,
            "groups": [list(group) for group in self.groups],
            "classes": list(self.classes),
        }


def about(
    check: str,
    severity: Severity,
    rows: pd.DataFrame,
    notes: Iterable[str],
    sentence: str,
    remedy: str,
) -> list[Finding]:
    """A finding about these rows of the table; none if there are no rows."""
    if rows.empty:
        return []
    paths = tuple(rows["locator"])
    return [Finding(check, severity, sentence, remedy, paths, tuple(notes))]


def pictures(count: int, verb: str = "") -> str:
    """ "1 picture is", "1,204 pictures are": a count, and `verb` ("is", "has") to go with it."""
    if count == 1:
        return f"1 picture {verb}".strip()
    return f"{count:,} pictures {_PLURALS.get(verb, verb)}".strip()


_PLURALS = {"is": "are", "has": "have", "was": "were", "does": "do"}


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names with commas; beyond `most`, how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
