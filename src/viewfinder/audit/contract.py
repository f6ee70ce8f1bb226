"""A contract: what a dataset promises, as a file that an audit is held against.

All rules are optional:

    classes: [cats, dogs]                       # these and no others
    at_least: {train: 500, validation: 100}     # readable pictures of each class; or one number
    unreadable: 0.01                            # shares of the pictures, 0 to 1, at most
    duplicates: 0.02                            # with equal bytes or pixels
    near_duplicates: 0.1
    leaks: 0                                    # duplicates and near duplicates in two splits
    contradictions: 0                           # equal pictures under two labels
    width: [64, 4096]                           # pixels, least and most
    height: [64, 4096]
    color: color                                # or gray
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from viewfinder.audit.checks.looks import GRAY_UP_TO
from viewfinder.core.errors import UsageError, nearest
from viewfinder.core.records import read_yaml_settings
from viewfinder.core.words import percent

if TYPE_CHECKING:
    from viewfinder.audit.audit import Audit

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]

# The checks whose pictures a rule counts.
_CHECKS = {
    "duplicates": ("exact duplicates",),
    "near_duplicates": ("near duplicates",),
    "leaks": ("one picture, two splits", "near duplicates, two splits"),
    "contradictions": ("one picture, two labels",),
}


@dataclass(frozen=True)
class Breach:
    """A rule that a dataset breaks.

    Attributes:
        rule: The rule's key, such as "leaks".
        expected: What the contract says.
        received: What the dataset has.
    """

    rule: str
    expected: str
    received: str

    def to_json(self) -> dict[str, str]:
        """Return the three as JSON."""
        return asdict(self)


class Contract(BaseModel):
    """The rules of a dataset; see the head of this module."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    classes: list[str] | None = None
    at_least: Count | dict[str, Count] | None = None
    unreadable: Share | None = None
    duplicates: Share | None = None
    near_duplicates: Share | None = None
    leaks: Share | None = None
    contradictions: Share | None = None
    width: Annotated[list[Count], Field(min_length=2, max_length=2)] | None = None
    height: Annotated[list[Count], Field(min_length=2, max_length=2)] | None = None
    color: Literal["color", "gray"] | None = None

    @classmethod
    def read(cls, path: Path) -> "Contract":
        """Read a contract from a YAML file.

        Raises:
            UsageError: The file cannot be read, a rule is unknown, or its value is invalid.
        """
        try:
            rules = read_yaml_settings(path)
            contract = cls.model_validate(rules)
        except ValidationError as error:
            raise _refusal(path, error) from error
        except (OSError, ValueError) as error:
            raise UsageError(f"Cannot read the contract {path}.", received=str(error)) from error
        if not contract.model_fields_set:
            raise UsageError(
                f"The contract {path} has no rules.", remedy=f"known: {', '.join(cls.model_fields)}"
            )
        return contract

    def breaches(self, audit: "Audit") -> tuple[Breach, ...]:
        """Return the rules that an audited dataset breaks, in the order of the fields."""
        return (
            *self._of_classes(audit),
            *self._of_counts(audit),
            *self._of_shares(audit),
            *self._of_pixels(audit),
        )

    def _of_classes(self, audit: "Audit") -> Iterator[Breach]:
        if self.classes is None:
            return
        expected, found = set(self.classes), set(audit.dataset.classes)
        changes = [f"no {name}" for name in sorted(expected - found)]
        changes += [f"also {name}" for name in sorted(found - expected)]
        if changes:
            yield Breach("classes", ", ".join(self.classes), ", ".join(changes))

    def _of_counts(self, audit: "Audit") -> Iterator[Breach]:
        if self.at_least is None:
            return
        table = audit.readable.table
        names = self.classes or list(audit.dataset.classes)
        by_split = self.at_least if isinstance(self.at_least, dict) else {"": self.at_least}
        for split, least in by_split.items():
            rows = table[table["split"] == split] if split else table
            counts = rows["label"].value_counts()
            few = {name: int(counts.get(name, 0)) for name in names}
            few = {name: count for name, count in few.items() if count < least}
            if few:
                where = f" in {split}" if split else ""
                received = ", ".join(f"{name} {count:,}" for name, count in few.items())
                yield Breach("at_least", f"{least:,} pictures of each class{where}", received)

    def _of_shares(self, audit: "Audit") -> Iterator[Breach]:
        of_all = len(audit.dataset)
        counts = {"unreadable": of_all - len(audit.readable)}
        for rule, checks in _CHECKS.items():
            findings = [audit[check] for check in checks if check in audit]
            counts[rule] = len({path for finding in findings for path in finding.paths})
        for rule, count in counts.items():
            most: float | None = getattr(self, rule)
            if most is not None and count > most * of_all:
                received = f"{count:,} of {of_all:,} pictures ({percent(count / of_all, 2)})"
                yield Breach(rule, f"at most {percent(most, 2)}" if most else "none", received)

    def _of_pixels(self, audit: "Audit") -> Iterator[Breach]:
        table = audit.measurements.table[audit.measurements.readable]
        for side in ("width", "height"):
            bounds: list[int] | None = getattr(self, side)
            if bounds is None:
                continue
            least, most = bounds
            others = int((~table[side].between(least, most)).sum())
            if others:
                received = f"{table[side].min():,} to {table[side].max():,}, {others:,} outside"
                yield Breach(side, f"{least:,} to {most:,} pixels", received)
        if self.color is not None:
            is_gray = np.asarray(table["chroma"] <= GRAY_UP_TO)
            others = int((is_gray != (self.color == "gray")).sum())
            if others:
                other = "gray" if self.color == "color" else "in color"
                received = f"{others:,} of {len(table):,} pictures are {other}"
                yield Breach("color", self.color, received)


def _refusal(path: Path, error: ValidationError) -> UsageError:
    first = error.errors(include_url=False)[0]
    rule = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        return UsageError(
            f"The contract {path} has an unknown rule.",
            received=rule,
            remedy=nearest(rule, Contract.model_fields),
        )
    return UsageError(
        f"The rule {rule} of the contract {path} is invalid."
        if rule
        else f"The contract {path} is no list of rules.",
        expected=first["msg"][0].lower() + first["msg"][1:],
        received=repr(first["input"]),
    )
