"""From an audit to its page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from viewfinder.audit import Audit, Finding, Severity
from viewfinder.core.files import write_text
from viewfinder.pages.audit.overview import overview_of
from viewfinder.pages.audit.pictures import thumbnails
from viewfinder.pages.parts.environment import page_environment
from viewfinder.pages.parts.thumbnails import Thumbnail
from viewfinder.pages.parts.words import counted, drawable

_HERE = Path(__file__).parent
_MOST_PICTURES = 24
_MOST_GROUPS, _MOST_IN_GROUP = 12, 6
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
class Section:
    """A finding with its pictures.

    Attributes:
        finding: What was found.
        anchor: Its id on the page.
        rows: Groups side by side, or all pictures in one row.
        more_groups: How many groups are not shown.
    """

    finding: Finding
    anchor: str
    rows: tuple[Exhibits, ...]
    more_groups: int


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
        name=Path(str(audit.dataset.source)).name or str(audit.dataset.source),
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
    parts = [(finding, *_arranged(finding)) for finding in audit.findings]
    wanted = [place[0] for _, rows, _, _ in parts for row in rows for place in row]
    images = thumbnails(audit.dataset, wanted)
    sections = []
    for index, (finding, rows, more, more_groups) in enumerate(parts):
        exhibits = tuple(
            Exhibits(tuple(Exhibit(images[path], path, note) for path, note in row), left)
            for row, left in zip(rows, more, strict=True)
        )
        sections.append(Section(finding, f"finding-{index}", exhibits, more_groups))
    return sections


Places = list[tuple[str, str]]


def _arranged(finding: Finding) -> tuple[list[Places], list[int], int]:
    """(path, note) in rows, how many each row leaves out, and how many rows are left out."""
    places = list(zip(finding.paths, finding.notes, strict=True))
    if not finding.groups:
        left = max(0, len(places) - _MOST_PICTURES)
        return ([places[:_MOST_PICTURES]], [left], 0) if places else ([], [], 0)
    groups = list(_split_up(places, finding.groups))
    shown = groups[:_MOST_GROUPS]
    rows = [group[:_MOST_IN_GROUP] for group in shown]
    left_out = [len(group) - len(row) for group, row in zip(shown, rows, strict=True)]
    return rows, left_out, len(groups) - len(shown)


def _split_up(places: Places, groups: Sequence[Sequence[str]]) -> Iterator[Places]:
    start = 0
    for group in groups:
        yield places[start : start + len(group)]
        start += len(group)
