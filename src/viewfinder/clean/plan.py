"""Which findings of an audit are acted on, and how."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from viewfinder.audit import Audit, Severity
from viewfinder.audit.finding import Finding
from viewfinder.clean.draft import CleaningPlan, Draft
from viewfinder.core.errors import DataError, UsageError, nearest
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources.cells import header_of, read_cells
from viewfinder.data.sources.hints import Columns

DEFAULT_FIXES = ("unreadable", "two-labels", "exact-duplicates")
# What is asked of groups; everything else puts the pictures of a finding into quarantine.
_GROUPS = ("two-labels", "two-splits", "exact-duplicates", "near-duplicates")
_LOOKS = (
    *("flat", "dark", "bright", "blurred", "extreme-size", "extreme-shape"),
    *("gray-among-colour", "colour-among-gray", "damaged-but-readable"),
)
_BY_SEVERITY = {"errors": Severity.ERROR, "warnings": Severity.WARNING}
FIXES = ("unreadable", *_GROUPS, *_LOOKS, *_BY_SEVERITY, "none")


def plan_cleaning(
    found: Audit,
    fixes: Iterable[str] = DEFAULT_FIXES,
    *,
    relabel: Mapping[str, str] | None = None,
    quarantine: Iterable[str] = (),
) -> CleaningPlan:
    """What cleaning would do; nothing is written.

    Args:
        found: The audit of the dataset.
        fixes: Which findings to act on: `unreadable`; `two-labels` (exact copies under two labels:
            all go); `exact-duplicates` (one of each group stays); `two-splits` (the same, only for
            groups in more than one split); `near-duplicates` (one of each group of one label
            stays); the name of a finding, with hyphens (`blurred`, `extreme-size` …): its pictures
            go; `errors` or `warnings`: all of these of that severity or worse, but not near
            duplicates; `none`.
        relabel: New labels by locator; done first.
        quarantine: Locators of pictures to leave out; done second.

    Raises:
        UsageError: A fix, locator or label is not known.
    """
    wanted = _wanted(tuple(fixes), found)
    draft = Draft(found.dataset)
    draft.relabel(dict(relabel or {}))
    draft.take_out(draft.rows(dict.fromkeys(quarantine)), "quarantine", "chosen by hand")
    exact, near = found.groups.exact, found.groups.near
    for finding in found.findings:
        if finding.check.startswith("unreadable") and _is_wanted(finding, wanted):
            draft.take_out(draft.rows(finding.paths), "quarantine", finding.check, finding.notes)
    if "two-labels" in wanted:
        rows = [row for group in exact if draft.differ("label", group) for row in group]
        draft.take_out(rows, "quarantine", "one picture, two labels")
    if "two-splits" in wanted:
        leaks = [group for group in exact if draft.differ("split", group)]
        draft.keep_one(leaks, "one picture, two splits")
    if "exact-duplicates" in wanted:
        draft.keep_one(exact, "exact duplicates")
    if "near-duplicates" in wanted:
        draft.keep_one(near, "near duplicates")
    for finding in found.findings:
        if not finding.groups and _is_wanted(finding, wanted):
            draft.take_out(draft.rows(finding.paths), "quarantine", finding.check, finding.notes)
    return draft.plan()


def _wanted(fixes: tuple[str, ...], found: Audit) -> frozenset[str]:
    """The slugs of what to act on."""
    slugs = {_slug(one.check) for one in found.findings if not one.groups and one.paths}
    known = [*FIXES, *sorted(slugs - set(FIXES))]
    wanted: set[str] = set()
    for fix in fixes:
        if fix not in known:
            raise UsageError(f"There is no fix {fix!r}.", remedy=nearest(fix, known))
        if fix in _BY_SEVERITY:
            wanted |= {"two-labels", "two-splits"}
            wanted |= {"exact-duplicates"} if fix == "warnings" else set()
            rank = _BY_SEVERITY[fix].rank
            wanted |= {
                _slug(one.check)
                for one in found.findings
                if one.severity.rank <= rank and not one.groups and one.paths
            }
        elif fix != "none":
            wanted.add(fix)
    return frozenset(wanted)


def _is_wanted(finding: Finding, wanted: frozenset[str]) -> bool:
    slug = _slug(finding.check)
    return slug in wanted or ("unreadable" in wanted and slug.startswith("unreadable-"))


def _slug(check: str) -> str:
    return check.lower().replace(": ", "-").replace(" ", "-")


def read_labels(file: Path) -> dict[str, str]:
    """New labels by locator, from a table with the columns `locator` (or `path` …) and `label`.

    Raises:
        DataError: It cannot be read, has no such columns, or names a picture twice.
    """
    _require_file(file, "--relabel")
    named = "locator" if "locator" in header_of(file) else None
    cells = read_cells(file, Columns(path=named))
    twice = cells["path"][cells["path"].duplicated()]
    if len(twice):
        raise DataError(f"{file} names a picture more than once.", received=str(twice.iloc[0]))
    return dict(zip(cells["path"], cells["label"], strict=True))


def read_names(given: Iterable[str], dataset: Dataset) -> list[str]:
    """Locators: each of what is given is one, or a file with one on each line.

    Raises:
        UsageError: Something is neither.
        DataError: A file cannot be read.
    """
    known = set(dataset.table["locator"])
    names: list[str] = []
    for one in given:
        if one in known:
            names.append(one)
            continue
        _require_file(Path(one), "--quarantine")
        try:
            lines = Path(one).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, ValueError) as error:
            raise DataError(f"{one} cannot be read as a list of names: {error}.") from error
        names += [line for line in map(str.strip, lines) if line]
    return list(dict.fromkeys(names))


def _require_file(file: Path, option: str) -> None:
    if not file.is_file():
        raise UsageError(
            f"{option}: there is no file {file}.",
            expected="a file"
            if option == "--relabel"
            else "a picture's path as the audit names it, or a file with one on each line",
        )
