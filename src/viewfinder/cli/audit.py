"""`viewfinder audit`: what is wrong or odd in a dataset."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import (
    Alpha,
    AsJson,
    Data,
    LabelColumn,
    LabelFrom,
    Quiet,
    Root,
    Verbose,
    Weights,
    base_for_features,
    open_data,
    verbosity,
)

if TYPE_CHECKING:
    from viewfinder.audit import Audit

_PAGE = Path("audit.html")
_EXAMPLES = 3


class FailOn(StrEnum):
    """From which severity on the exit code is 1."""

    ERROR = "error"
    WARNING = "warning"


def audit(
    data: Data,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="The page to write; by default audit.html, and none with --json.",
            show_default=False,
        ),
    ] = None,
    no_html: Annotated[bool, typer.Option("--no-html", help="Write no page.")] = False,
    fail_on: Annotated[
        FailOn | None,
        typer.Option(help="End with exit code 1 if anything as bad as this is found."),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|BASE",
            help="Also rank doubtful labels and outliers: by features of `viewfinder features`, or "
            "of this base.",
        ),
    ] = None,
    alpha: Alpha = None,
    weights: Weights = None,
    label_from: LabelFrom = None,
    label_column: LabelColumn = None,
    root: Root = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Look at every picture and say what is broken, double, leaking or odd."""
    from viewfinder.audit import Severity
    from viewfinder.audit import audit as audit_dataset
    from viewfinder.core.progress import Progress

    progress = Progress(verbosity(quiet, verbose))
    dataset = open_data(
        data,
        label_from=label_from,
        root=root,
        label_column=label_column,
        needs_labels=False,
        progress=progress,
    )
    if not dataset.classes:
        progress.say("There are no class folders: pictures are looked at without labels.")
    given = {}
    if features:
        from viewfinder.features.table import evidence

        is_file = Path(features).suffix in (".npz", ".parquet")
        wanted = Path(features) if is_file else base_for_features(features, alpha, weights)
        given = evidence(dataset, wanted, progress)
    found = audit_dataset(dataset, **given, progress=progress)
    page = None if no_html else html or (None if as_json else _PAGE)
    if page:
        from viewfinder.pages.audit import write_audit_page

        write_audit_page(found, page)
    if as_json:
        print_json(found.to_json())
    else:
        _show(found, page, everything=verbose)
    if fail_on and found.reaches(Severity(fail_on.value)):
        raise typer.Exit(1)


def _show(found: "Audit", page: Path | None, *, everything: bool) -> None:
    from viewfinder.audit.finding import listed
    from viewfinder.cli.tables import stdout, table

    out = stdout()
    rows = []
    for one in found.findings:
        examples = listed(one.paths or one.classes, len(one.paths) if everything else _EXAMPLES)
        rows.append([one.severity.value, one.check, f"{one.count:,}", examples, one.remedy])
    if rows:
        out.print(table(["severity", "check", "count", "examples", "what to do"], rows))
    readable = int(found.measurements.readable.sum())
    words = {"error": "error", "warning": "warning", "info": "note"}
    counts = [
        f"{count} {words[severity]}{'' if count == 1 else 's'}"
        for severity, count in found.counts.items()
    ]
    said = f"{len(found.dataset):,} pictures, {readable:,} of them readable: {', '.join(counts)}."
    out.print(said, markup=False, soft_wrap=True)
    if page:
        out.print(f"Page: {page}", markup=False, soft_wrap=True)
