"""`viewfinder clean`: decisions about a dataset, in a journal."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.journal import change_lines, size_in_words
from viewfinder.cli.options import Data, DataOptions, EvidenceOptions, ResultOptions

if TYPE_CHECKING:
    from rich.text import Text

    from viewfinder.clean import CleaningPlan
    from viewfinder.data.saved import SavedDataset


def clean(
    data: Data,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="NAME.dataset",
            help="Folder to write. A saved dataset given as DATA may be named again: its journal "
            "gets the decisions.",
        ),
    ] = None,
    fix: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="What to act on, with commas: unreadable, two-labels, exact-duplicates, "
            "two-splits, near-duplicates, doubtful-label (needs --features), a finding such as "
            "blurred, errors, warnings, or none.",
        ),
    ] = "unreadable,two-labels,exact-duplicates",
    relabel: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Table of new labels: locator,label. `audit --lists` writes such tables.",
        ),
    ] = None,
    quarantine: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH|FILE",
            help="Discard a picture, or those that a file lists: one on each line, or a CSV file "
            "with a column `locator`. Repeatable.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would happen; write nothing.")
    ] = False,
    evidence: EvidenceOptions,
    reading: DataOptions,
    results: ResultOptions,
) -> None:
    """Discard what an audit finds broken or duplicate, in a journal; files are not touched."""
    from viewfinder.audit import audit
    from viewfinder.clean import plan_cleaning, require_output, save_plan
    from viewfinder.clean.plan import read_labels, read_names
    from viewfinder.core.errors import UsageError

    evidence.check()
    if output is None and not dry_run:
        raise UsageError("--output is missing.", expected="--output NAME.dataset, or --dry-run")
    fixes = [word for word in map(str.strip, fix.split(",")) if word]
    labels = read_labels(relabel) if relabel else {}
    progress = results.progress
    dataset = reading.opened(data, progress)
    if output is not None:
        require_output(dataset, output)
    names = read_names(quarantine or (), dataset)
    found = audit(dataset, **evidence.of(dataset, progress), progress=progress)
    plan = plan_cleaning(found, fixes, relabel=labels, quarantine=names)
    saved = None
    if output is not None and not dry_run:
        saved = save_plan(plan, output, opened=reading.record)
    if results.as_json:
        written = str(saved) if saved else None
        print_json({**plan.to_json(), "dataset": written})
    else:
        _show_plan(plan, saved, everything=results.verbose)


def _show_plan(plan: "CleaningPlan", saved: "SavedDataset | None", *, everything: bool) -> None:
    from viewfinder.cli.tables import print_lines, print_table

    if plan.decisions:
        headings = ["what", "pictures", "why", "which"]
        rows = [
            [one.verb, f"{one.pictures:,}", one.why, _which(one.changes, everything)]
            for one in plan.decisions
        ]
        print_table(headings, rows)
    else:
        print_lines("There is nothing to clean.")
    print_lines(*(f"Warning: {warning}" for warning in plan.warnings))
    if saved is None:
        said = f"{plan.leaves:,} of {len(plan.dataset):,} pictures would stay. Nothing was written."
        print_lines(said)
        return
    print_lines(size_in_words(saved), f"Dataset: {saved}")


def _which(changes: Any, everything: bool) -> "str | Text":
    """The first of the pictures, or all of them with a note on each."""
    from viewfinder.core.words import listed

    if not everything:
        return listed(list(changes["locator"]), 2)
    from rich.text import Text

    from viewfinder.core.console import visible

    return Text("\n".join(map(visible, change_lines(changes))))
