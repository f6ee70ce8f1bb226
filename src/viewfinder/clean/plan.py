"""Turn the findings of an audit into decisions."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from viewfinder.audit import Audit, Severity
from viewfinder.audit.finding import Finding
from viewfinder.clean.draft import CleaningPlan, Draft
from viewfinder.core.errors import DataError, UsageError, nearest
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources.cells import opened_table, read_cells
from viewfinder.data.sources.hints import Columns

DEFAULT_FIXES = ("unreadable", "two-labels", "exact-duplicates")
# Fixes for groups; every other fix puts the pictures of a finding into quarantine.
_GROUPS = ("two-labels", "two-splits", "exact-duplicates", "near-duplicates")
_LOOKS = (
    *("flat", "dark", "bright", "blurred", "extreme-size", "extreme-shape"),
    *("gray-among-colour", "colour-among-gray", "damaged-but-readable", "placeholder", "masks"),
)
# Findings of an audit with probabilities.
_LABELS = ("doubtful-label", "uncertain-label")
_BY_SEVERITY = {"errors": Severity.ERROR, "warnings": Severity.WARNING}
FIXES = ("unreadable", *_GROUPS, *_LOOKS, *_LABELS, *_BY_SEVERITY, "none")


def plan_cleaning(
    audited: Audit,
    fixes: Iterable[str] = DEFAULT_FIXES,
    *,
    relabel: Mapping[str, str] | None = None,
    quarantine: Iterable[str] = (),
) -> CleaningPlan:
    """Return the decisions of a cleaning; nothing is written.

    Args:
        audited: The audit of the dataset.
        fixes: The findings to act on: `unreadable`; `two-labels` (exact duplicates with different
            labels: all are left out); `exact-duplicates` (one of each group stays); `two-splits`
            (the same, only for groups in more than one split); `near-duplicates` (one of each
            group with one label stays); the name of a finding, with hyphens (`blurred`,
            `extreme-size` …): its pictures are left out; `errors` or `warnings`: all findings of
            that severity or worse, except near duplicates; `none`. `doubtful-label` requires an
            audit with probabilities.
        relabel: New labels by locator; applied first.
        quarantine: Locators of pictures to leave out; applied second.

    Raises:
        UsageError: A fix, locator or label is unknown, or the audit has not checked the labels.
    """
    slugs = _slugs_of(tuple(fixes), audited)
    draft = Draft(audited.dataset)
    draft.relabel(dict(relabel or {}))
    draft.quarantine(draft.rows(dict.fromkeys(quarantine)), "chosen by hand")
    exact, near = audited.groups.exact, audited.groups.near
    for finding in audited.findings:
        if finding.check.startswith("unreadable") and _is_in(finding, slugs):
            draft.quarantine(draft.rows(finding.paths), finding.check, finding.notes)
    if "two-labels" in slugs:
        rows = [row for group in exact if draft.differ("label", group) for row in group]
        draft.quarantine(rows, "one picture, two labels")
    if "two-splits" in slugs:
        leaks = [group for group in exact if draft.differ("split", group)]
        draft.keep_one(leaks, "one picture, two splits")
    if "exact-duplicates" in slugs:
        draft.keep_one(exact, "exact duplicates")
    if "near-duplicates" in slugs:
        draft.keep_one(near, "near duplicates")
    for finding in audited.findings:
        if not finding.groups and _is_in(finding, slugs):
            draft.quarantine(draft.rows(finding.paths), finding.check, finding.notes)
    return draft.plan()


def _slugs_of(fixes: tuple[str, ...], audited: Audit) -> frozenset[str]:
    """The slugs of the findings to act on."""
    findings = [f for f in audited.findings if not f.groups and f.paths]
    known = [*FIXES, *sorted({finding.slug for finding in findings} - set(FIXES))]
    slugs: set[str] = set()
    for fix in fixes:
        if fix not in known:
            raise UsageError(f"There is no fix {fix!r}.", remedy=nearest(fix, known))
        if fix in _LABELS and not audited.has_probabilities:
            raise UsageError(
                f"The labels were not checked, so {fix!r} has nothing to act on.",
                expected="an audit with probabilities, out of fold",
                remedy="state `features`, such as `features=MobileNetV2`",
            )
        if fix in _BY_SEVERITY:
            rank = _BY_SEVERITY[fix].rank
            slugs |= {"two-labels", "two-splits"}
            slugs |= {"exact-duplicates"} if fix == "warnings" else set()
            slugs |= {finding.slug for finding in findings if finding.severity.rank <= rank}
        elif fix != "none":
            slugs.add(fix)
    return frozenset(slugs)


def _is_in(finding: Finding, slugs: frozenset[str]) -> bool:
    slug = finding.slug
    return slug in slugs or ("unreadable" in slugs and slug.startswith("unreadable-"))


def read_labels(file: Path) -> dict[str, str]:
    """Read new labels by locator, from a table with columns `locator` (or `path` …) and `label`.

    Raises:
        UsageError: There is no such file.
        DataError: It cannot be read, lacks these columns, or names a picture twice.
    """
    if not file.is_file():
        raise UsageError(f"`relabel`: there is no file {file}.", expected="a file")
    path_column = "locator" if "locator" in opened_table(file).names else None
    cells = read_cells(file, Columns(path=path_column)).table
    repeated = cells["path"][cells["path"].duplicated()]
    if len(repeated):
        raise DataError(f"{file} names a picture more than once.", received=str(repeated.iloc[0]))
    return dict(zip(cells["path"], cells["label"], strict=True))


def read_names(given: Iterable[str], dataset: Dataset) -> list[str]:
    """Resolve locators: each given string is a locator, or a file that lists locators.

    A file has a locator on each line, or is a CSV file with a column `locator`.

    Raises:
        UsageError: A string is neither.
        DataError: A file cannot be read.
    """
    known = set(dataset.table["locator"])
    names: list[str] = []
    for name in given:
        if name in known:
            names.append(name)
            continue
        if not Path(name).is_file():
            raise UsageError(
                f"`quarantine`: there is no picture and no file {name}.",
                expected="a picture's path as the audit lists it, or a file with one on each line",
            )
        try:
            lines = _lines(Path(name))
        except (OSError, ValueError) as error:
            raise DataError(f"{name} cannot be read as a list of names: {error}.") from error
        names += [line for line in map(str.strip, lines) if line]
    return list(dict.fromkeys(names))


def _lines(file: Path) -> list[str]:
    text = file.read_text(encoding="utf-8-sig")
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if file.suffix == ".csv" and "locator" in (rows.fieldnames or ()):
        return [row["locator"] or "" for row in rows]
    return text.splitlines()
