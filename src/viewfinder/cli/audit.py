"""`viewfinder audit`: what a dataset looks like, and what is wrong or odd in it."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import (
    Alpha,
    BaseOptions,
    Data,
    DataOptions,
    ResultOptions,
    Weights,
)
from viewfinder.core.errors import UsageError

if TYPE_CHECKING:
    from viewfinder.audit import Audit
    from viewfinder.core.progress import Progress
    from viewfinder.data.dataset import Dataset

_PAGE = Path("audit.html")
_EXAMPLES = 3


class FailOn(StrEnum):
    """The severity from which the exit code is 1."""

    ERROR = "error"
    WARNING = "warning"


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
        FailOn | None,
        typer.Option(help="End with exit code 1 if a finding is as severe as this."),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|BASE",
            help="Also rank doubtful labels and outliers, by a file of `viewfinder features` or "
            "by this base.",
        ),
    ] = None,
    alpha: Alpha = None,
    weights: Weights = None,
    reading: DataOptions,
    results: ResultOptions,
) -> None:
    """Show counts, sizes and samples, and what is broken, duplicate, leaking or odd."""
    from viewfinder.audit import Severity
    from viewfinder.audit import audit as audit_dataset
    from viewfinder.core.files import require_writable

    base = _base(features, alpha, weights)
    page = None if no_html else html or (None if results.as_json else _PAGE)
    if page:
        require_writable(page.parent)
    progress = results.progress
    dataset = reading.opened(data, progress, needs_labels=False)
    if not dataset.classes:
        progress.say("There are no class folders: the pictures are audited without labels.")
    found = audit_dataset(
        dataset, **_evidence(dataset, features, base, progress), progress=progress
    )
    if page:
        from viewfinder.pages.audit import write_audit_page

        write_audit_page(found, page)
    if results.as_json:
        print_json(found.to_json())
    else:
        _show(found, page, everything=results.verbose)
    if fail_on and found.reaches(Severity(fail_on.value)):
        raise typer.Exit(1)


def _base(features: str | None, alpha: float | None, weights: str | None) -> BaseOptions | None:
    """The base that computes features, if one is requested."""
    if features is not None and Path(features).suffix not in (".npz", ".parquet"):
        return BaseOptions(features, alpha, weights)
    if alpha is None and weights is None:
        return None
    raise UsageError(
        "--alpha and --weights are settings of a base.",
        expected="--features with the name of a base, such as MobileNetV2",
        received=f"--features {features}" if features else "no --features",
    )


def _evidence(
    dataset: "Dataset", features: str | None, base: BaseOptions | None, progress: "Progress"
) -> dict[str, Any]:
    """What an audit takes for doubtful labels and outliers."""
    if features is None:
        return {}
    from viewfinder.features.table import evidence

    return evidence(dataset, base.for_features() if base else Path(features), progress)


def _show(found: "Audit", page: Path | None, *, everything: bool) -> None:
    from viewfinder.audit.finding import listed
    from viewfinder.audit.overview import sizes_in_words
    from viewfinder.cli.tables import Row, counts_table, print_rows, stdout

    out = stdout()
    readable = found.readable
    if readable.classes:
        out.print(counts_table(readable.counts()))
    if len(readable):
        out.print(f"Sizes: {sizes_in_words(readable)}.")
    for note in found.dataset.notes:
        out.print(note, markup=False, soft_wrap=True)
    out.print()
    rows: list[Row] = []
    for one in found.findings:
        examples = listed(one.paths or one.classes, len(one.paths) if everything else _EXAMPLES)
        rows.append((one.severity.value, f"{one.check} ({one.count:,})", "bold"))
        rows += [("", examples, "dim"), ("", one.remedy, "")]
    if rows:
        print_rows(out, rows)
        out.print()
    words = {"error": "error", "warning": "warning", "info": "note"}
    counts = [
        f"{count} {words[severity]}{'' if count == 1 else 's'}"
        for severity, count in found.counts.items()
    ]
    pictures = f"{len(found.dataset):,} pictures, {len(readable):,} of them readable"
    out.print(f"{pictures}: {', '.join(counts)}.", markup=False, soft_wrap=True)
    if page:
        out.print(f"Page: {page}", markup=False, soft_wrap=True)
