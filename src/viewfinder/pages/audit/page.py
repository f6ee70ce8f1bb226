"""From an audit to its page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from viewfinder.audit import Audit, Finding, Severity
from viewfinder.core.files import named, write_text
from viewfinder.pages.audit.overview import overview_of
from viewfinder.pages.audit.pictures import thumbnails
from viewfinder.pages.parts.environment import page_environment
from viewfinder.pages.parts.thumbnails import Thumbnail
from viewfinder.pages.parts.words import counted, drawable

_HERE = Path(__file__).parent
# Of a finding: in the first part, which is open, in each of the others, and how many others.
_FIRST_PICTURES, _NEXT_PICTURES = 24, 120
_FIRST_GROUPS, _NEXT_GROUPS, _MOST_IN_GROUP = 12, 24, 6
_MOST_PARTS = 16
_MOST_CLASSES = 60


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A picture under a finding."""

    image: Thumbnail
    path: str
    note: str


@dataclass(frozen=True, slots=True)
class Exhibits:
    """Pictures that are shown side by side, and how many more there are."""

    shown: tuple[Exhibit, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a finding's pictures, which the reader opens.

    Attributes:
        title: Such as "Pictures 25 to 144".
        rows: Groups side by side, or all pictures in one row.
    """

    title: str
    rows: tuple[Exhibits, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A finding with its pictures.

    Attributes:
        finding: What was found.
        anchor: Its id on the page.
        parts: The pictures in parts; the first is open.
        more: How many pictures or groups are not on the page, in words; "" for none.
    """

    finding: Finding
    anchor: str
    parts: tuple[Part, ...]
    more: str


def write_audit_page(audit: Audit, path: Path) -> Path:
    """Write an audit as one HTML file that needs no network, no script and no other file.

    Thumbnails are kept in the user's cache, so that pictures of earlier pages are not opened again.

    Args:
        audit: The findings.
        path: The file; written whole.

    Raises:
        OutputError: It cannot be written.
    """
    template = page_environment(_HERE).get_template("audit.html.j2")
    text = template.render(
        name=named(str(audit.dataset.source)).name or str(audit.dataset.source),
        created=f"{datetime.now():%Y-%m-%d %H:%M}",
        audit=audit,
        verdict=verdict(audit),
        sections=_sections(audit),
        overview=overview_of(audit),
        most_classes=_MOST_CLASSES,
        unread=len(audit.dataset) - len(audit.readable),
    )
    write_text(path, drawable(text))
    return path


def verdict(audit: Audit) -> str:
    """The audit in one sentence."""
    checked = f"{counted(len(audit.dataset), 'picture')} checked: "
    errors, warnings, rest = (audit.counts[one.value] for one in Severity)
    if errors:
        return f"{checked}{counted(errors, 'problem')} to fix before any result can be trusted."
    if warnings:
        return f"{checked}{counted(warnings, 'warning')} to review before training."
    if rest:
        return f"{checked}no problems, and {counted(rest, 'note')}."
    return f"{checked}no problems found."


def _sections(audit: Audit) -> list[Section]:
    arranged = [(finding, *_arranged(finding)) for finding in audit.findings]
    rows = [row for _, parts, _ in arranged for _, rows in parts for row, _ in rows]
    images = thumbnails(audit.dataset, [path for row in rows for path, _ in row])

    def exhibits(row: Places, more: int) -> Exhibits:
        return Exhibits(tuple(Exhibit(images[path], path, note) for path, note in row), more)

    return [
        Section(
            finding,
            f"finding-{index}",
            tuple(Part(title, tuple(exhibits(*row) for row in rows)) for title, rows in parts),
            more,
        )
        for index, (finding, parts, more) in enumerate(arranged)
    ]


Places = list[tuple[str, str]]
# The pictures that are shown side by side, as (path, note), and how many more there are.
Row = tuple[Places, int]
Item = TypeVar("Item")


def _arranged(finding: Finding) -> tuple[list[tuple[str, list[Row]]], str]:
    """Return the parts, each a title and its rows, and what the page leaves out."""
    places = list(zip(finding.paths, finding.notes, strict=True))
    if not finding.groups:
        cut, left = _cut(places, "picture", _FIRST_PICTURES, _NEXT_PICTURES)
        return [(title, [(part, 0)]) for title, part in cut], left
    groups = list(_split_up(places, finding.groups))
    rows = [(group[:_MOST_IN_GROUP], max(0, len(group) - _MOST_IN_GROUP)) for group in groups]
    return _cut(rows, "group", _FIRST_GROUPS, _NEXT_GROUPS)


def _cut(
    items: Sequence[Item], word: str, first: int, following: int
) -> tuple[list[tuple[str, list[Item]]], str]:
    """Cut pictures or groups into parts with titles; also say what is left after the last."""
    edges = [0, *(first + following * part for part in range(_MOST_PARTS + 1))]
    parts = [
        (f"{word.capitalize()}s {start + 1:,} to {min(end, len(items)):,}", list(items[start:end]))
        for start, end in pairwise(edges)
        if start < len(items)
    ]
    left = len(items) - edges[-1]
    return parts, f"and {counted(left, f'more {word}')}" if left > 0 else ""


def _split_up(places: Places, groups: Sequence[Sequence[str]]) -> Iterator[Places]:
    start = 0
    for group in groups:
        yield places[start : start + len(group)]
        start += len(group)
