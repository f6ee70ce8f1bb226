"""The result of a check: one record per kind of fault or oddity."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd

from viewfinder.core.words import counted


class Severity(StrEnum):
    """The severity of a finding.

    `error`: scores on these data cannot be trusted. `warning`: pictures are lost, or the model
    gets worse. `info`: worth knowing.
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
    """One kind of fault or oddity in a dataset.

    Attributes:
        check: The name, equal in every audit: "exact duplicates".
        severity: The severity.
        sentence: The fact, with its numbers.
        remedy: What to do.
        paths: The locators of the pictures, most striking first; those of groups in sequence.
        notes: A note on each of these pictures.
        groups: The locators by group, for findings about groups.
        classes: The names, for findings about classes or series.
        suggested: The suggested label of each picture, for doubtful labels.
        right: The probability that the label of each picture is right, 0 to 1, for doubtful labels.
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
    right: tuple[float, ...] = ()

    @property
    def slug(self) -> str:
        """The check as a word: "exact-duplicates"."""
        return self.check.lower().replace(": ", "-").replace(", ", "-").replace(" ", "-")

    @property
    def count(self) -> int:
        """The number of pictures, or of classes or series."""
        return len(self.paths) or len(self.classes)

    def to_json(self) -> dict[str, Any]:
        """Return the finding as JSON; see docs/formats.md."""
        pictures: list[dict[str, Any]] = [
            {"path": path, "note": note} for path, note in zip(self.paths, self.notes, strict=True)
        ]
        for picture, label, right in zip(pictures, self.suggested, self.right, strict=False):
            picture |= {"suggested": label, "right": right}
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
    predicate: str,
    remedy: str,
) -> list[Finding]:
    """Return a finding about these rows of the table, or an empty list without rows.

    Args:
        check: The finding's name.
        severity: Its severity.
        rows: The pictures.
        notes: A note on each.
        predicate: What each of them is or has, from the verb on: "is blurred."
        remedy: What to do.
    """
    if rows.empty:
        return []
    verb, _, rest = predicate.partition(" ")
    sentence = f"{counted(len(rows), f'picture {verb}')} {rest}"
    return [Finding(check, severity, sentence, remedy, tuple(rows["locator"]), tuple(notes))]
