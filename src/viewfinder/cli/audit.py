"""`viewfinder audit`: what a dataset looks like, and what is wrong or odd in it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import Data, DataOptions, EvidenceOptions, ResultOptions

if TYPE_CHECKING:
    from viewfinder.audit import Audit
    from viewfinder.audit.contract import Breach

_PAGE = Path("audit.html")
_EXAMPLES = 3


def audit(
    data: Data,
    *,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Page to write; by default audit.html, and none with --json.",
            show_default=False,
        ),
    ] = None,
    no_html: Annotated[bool, typer.Option("--no-html", help="Write no page.")] = False,
    fail_on: Annotated[
        Literal["error", "warning"] | None,
        typer.Option(help="End with exit code 1 if a finding is as severe as this."),
    ] = None,
    expect: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Contract of the dataset, in YAML; end with exit code 1 if a rule is broken.",
        ),
    ] = None,
    lists: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder to write a CSV file into for each finding, such as doubtful-label.csv.",
        ),
    ] = None,
    evidence: EvidenceOptions,
    reading: DataOptions,
    results: ResultOptions,
) -> None:
    """Show counts, sizes and samples, and what is broken, duplicate, leaking or odd."""
    from viewfinder.audit import Severity
    from viewfinder.audit import audit as audit_dataset
    from viewfinder.audit.contract import Contract
    from viewfinder.core.files import require_writable

    evidence.check()
    contract = Contract.read(expect) if expect else None
    page = None if no_html else html or (None if results.as_json else _PAGE)
    if page:
        require_writable(page.parent)
    if lists:
        require_writable(lists)
    progress = results.progress
    dataset = reading.opened(data, progress, needs_labels=False)
    if not dataset.classes:
        progress.say("There are no class folders: the pictures are audited without labels.")
    found = audit_dataset(dataset, **evidence.of(dataset, progress), progress=progress)
    breaches = contract.breaches(found) if contract else None
    if lists:
        from viewfinder.audit.lists import write_lists

        write_lists(found, lists)
    if page:
        from viewfinder.pages.audit import write_audit_page

        write_audit_page(found, page)
    if results.as_json:
        broken = None if breaches is None else [breach.to_json() for breach in breaches]
        print_json(found.to_json() | {"breaches": broken})
    else:
        _show(found, page, everything=results.verbose)
        if lists:
            typer.echo(f"Lists: {lists}")
        if breaches is not None:
            _show_breaches(breaches)
    if breaches or (fail_on and found.reaches(Severity(fail_on))):
        raise typer.Exit(1)


def _show_breaches(breaches: "tuple[Breach, ...]") -> None:
    from viewfinder.cli.tables import print_lines, print_table

    if not breaches:
        print_lines("The contract is kept.")
        return
    rows = [[breach.rule, breach.expected, breach.received] for breach in breaches]
    print_table(["broken rule", "expected", "received"], rows)


def _show(found: "Audit", page: Path | None, *, everything: bool) -> None:
    from viewfinder.audit.overview import sizes_in_words
    from viewfinder.cli.tables import Row, counts_table, print_lines, print_rows, stdout
    from viewfinder.core.words import listed

    readable = found.readable
    if readable.classes:
        stdout().print(counts_table(readable.counts()))
    sizes = [f"Sizes: {sizes_in_words(readable)}."] if len(readable) else []
    print_lines(*sizes, *found.dataset.notes, "")
    rows: list[Row] = []
    for one in found.findings:
        shown = listed(one.paths, len(one.paths) if everything else _EXAMPLES)
        rows.append((one.severity.value, f"{one.check} ({one.count:,})", "bold"))
        rows += [("", shown if one.paths else one.sentence, "dim"), ("", one.remedy, "")]
    if rows:
        print_rows(rows)
        print_lines("")
    words = {"error": "error", "warning": "warning", "info": "note"}
    counts = [
        f"{count} {words[severity]}{'' if count == 1 else 's'}"
        for severity, count in found.counts.items()
    ]
    pictures = f"{len(found.dataset):,} pictures, {len(readable):,} of them readable"
    print_lines(f"{pictures}: {', '.join(counts)}.", *([f"Page: {page}"] if page else []))
