"""`viewfinder clean`, `undo` and `log`: decisions about a dataset, and back again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import (
    AsJson,
    Data,
    LabelColumn,
    LabelFrom,
    Quiet,
    Root,
    Verbose,
    open_data,
    verbosity,
)

if TYPE_CHECKING:
    from viewfinder.clean import CleaningPlan
    from viewfinder.data.saved import Entry, SavedDataset

Saved = Annotated[
    Path, typer.Argument(metavar="NAME.dataset", help="A saved dataset.", show_default=False)
]


def clean(
    data: Data,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="NAME.dataset",
            help="The folder to write. That of DATA itself, if it is a saved dataset: "
            "then the decisions are added to its journal.",
        ),
    ] = None,
    fix: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="What to act on, with commas: unreadable, two-labels, exact-duplicates, "
            "two-splits, near-duplicates, a finding such as blurred, errors, warnings, or none.",
        ),
    ] = "unreadable,two-labels,exact-duplicates",
    relabel: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A table of new labels: locator,label."),
    ] = None,
    quarantine: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH|FILE", help="Leave out a picture, or those that a file lists. Repeatable."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would happen; write nothing.")
    ] = False,
    label_from: LabelFrom = None,
    label_column: LabelColumn = None,
    root: Root = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Leave out what an audit finds broken or double, in a journal; originals stay untouched."""
    from viewfinder.audit import audit
    from viewfinder.clean import plan_cleaning, require_place, save_plan
    from viewfinder.clean.plan import read_labels, read_names
    from viewfinder.core.errors import UsageError
    from viewfinder.core.progress import Progress

    if output is None and not dry_run:
        raise UsageError("Where to?", expected="--output NAME.dataset, or --dry-run")
    fixes = [word for word in map(str.strip, fix.split(",")) if word]
    labels = read_labels(relabel) if relabel else {}
    progress = Progress(verbosity(quiet, verbose))
    dataset = open_data(
        data, label_from=label_from, root=root, label_column=label_column, progress=progress
    )
    if output is not None:
        require_place(dataset, output)
    names = read_names(quarantine or (), dataset)
    found = audit(dataset, progress=progress)
    plan = plan_cleaning(found, fixes, relabel=labels, quarantine=names)
    saved = None
    if output is not None and not dry_run:
        said = {"label_from": label_from, "label_column": label_column}
        opened = {**said, "root": str(root.resolve()) if root else None}
        saved = save_plan(plan, output, opened=opened)
    if as_json:
        written = str(saved) if saved else None
        print_json({**plan.to_json(), "dataset": written})
    else:
        _show_plan(plan, saved, everything=verbose)


def undo(
    dataset: Saved,
    entry: Annotated[
        int | None,
        typer.Argument(help="Its number; by default the last one that stands.", show_default=False),
    ] = None,
    picture: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Bring only this picture back from quarantine."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Undo an entry of a saved dataset's journal; to undo an undoing brings the entry back."""
    from viewfinder.clean import restore
    from viewfinder.cli.tables import stdout
    from viewfinder.core.errors import UsageError
    from viewfinder.data.saved import SavedDataset

    if entry is not None and picture is not None:
        raise UsageError("Either an entry is undone, or one picture is brought back.")
    saved = SavedDataset.open(dataset)
    made = saved.undo(entry) if picture is None else restore(saved, picture)
    if as_json:
        print_json({"schema": 1, "dataset": str(saved), "entry": _entry_json(made, saved)})
        return
    out = stdout()
    what = f"brings back {picture}" if picture else made.why
    out.print(f"Entry {made.number} {what}.", markup=False, soft_wrap=True)
    out.print(_now(saved), markup=False, soft_wrap=True)


def log(
    dataset: Saved,
    entry: Annotated[
        int | None, typer.Argument(help="Show each picture of this entry.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a saved dataset's journal: what was decided, why, and what stands."""
    from viewfinder.cli.tables import stdout, table
    from viewfinder.data.saved import SavedDataset

    saved = SavedDataset.open(dataset)
    if entry is not None:
        _show_entry(saved, entry, as_json)
        return
    entries, stands = saved.entries, saved.standing
    if as_json:
        document = {
            "schema": 1,
            "dataset": str(saved),
            "created": saved.header.created,
            "entries": [_entry_json(one, saved) for one in entries],
        }
        print_json(document)
        return
    out = stdout()
    if entries:
        headings = ["entry", "when", "what", "pictures", "why", "state"]
        rows = [
            [
                str(one.number),
                f"{one.when:%Y-%m-%d %H:%M}",
                one.verb,
                f"{one.pictures:,}" if one.pictures else "",
                one.why,
                "stands" if one.number in stands else "undone",
            ]
            for one in entries
        ]
        out.print(table(headings, rows))
    else:
        out.print("The journal is empty: nothing was decided since the dataset was saved.")
    out.print(_now(saved), markup=False, soft_wrap=True)


def _show_plan(plan: "CleaningPlan", saved: "SavedDataset | None", *, everything: bool) -> None:
    from viewfinder.cli.tables import stdout, table

    out = stdout()
    if plan.decisions:
        headings = ["what", "pictures", "why", "which"]
        rows = [
            [one.verb, f"{one.pictures:,}", one.why, _which(one.changes, everything)]
            for one in plan.decisions
        ]
        out.print(table(headings, rows))
    else:
        out.print("There is nothing to clean.")
    for warning in plan.warnings:
        out.print(f"Warning: {warning}", markup=False, soft_wrap=True)
    if saved is None:
        said = f"{plan.leaves:,} of {len(plan.dataset):,} pictures would stay. Nothing was written."
        out.print(said, markup=False, soft_wrap=True)
        return
    out.print(_now(saved), markup=False, soft_wrap=True)
    out.print(f"Dataset: {saved}", markup=False, soft_wrap=True)


def _which(changes: Any, everything: bool) -> str:
    """The first of the pictures, or all of them with what is said of each."""
    from viewfinder.audit.finding import listed

    if not everything:
        return listed(list(changes["locator"]), 2)
    return "\n".join(_lines(changes))


def _show_entry(saved: "SavedDataset", number: int, as_json: bool) -> None:
    from viewfinder.cli.tables import stdout
    from viewfinder.core.errors import UsageError

    entries = saved.entries
    if not 1 <= number <= len(entries):
        there = f"1 to {len(entries)}" if entries else "entries in its journal"
        raise UsageError(f"{saved} has no entry {number}.", expected=there)
    entry = entries[number - 1]
    changes = saved.changes(entry)
    if as_json:
        rows = changes.to_dict("records")
        print_json({"schema": 1, **_entry_json(entry, saved), "changes": rows})
        return
    out = stdout()
    for line in [f"Entry {number}, {entry.verb}: {entry.why}", *_lines(changes)]:
        out.print(line, markup=False, soft_wrap=True)


def _lines(changes: Any) -> list[str]:
    """A line a change: the picture, what changes, and what is said of it."""
    lines = []
    for row in changes.to_dict("records"):
        if row["column"] == "quarantine":
            said = row.get("note", "") if row["after"] else "back from quarantine"
        else:
            said = f"{row['column']}: {row['before'] or 'none'} → {row['after'] or 'none'}"
        lines.append(f"{row['locator']} ({said})" if said else row["locator"])
    return lines


def _now(saved: "SavedDataset") -> str:
    """How many pictures the dataset has now."""
    quarantined = saved.state["quarantine"] != ""
    held = int(quarantined.sum())
    return f"{len(quarantined) - held:,} of {len(quarantined):,} pictures; {held:,} in quarantine."


def _entry_json(entry: "Entry", saved: "SavedDataset") -> dict[str, Any]:
    """An entry in `--json`; see docs/formats.md."""
    return {
        "number": entry.number,
        "time": entry.time,
        "verb": entry.verb,
        "why": entry.why,
        "pictures": entry.pictures,
        "options": dict(entry.options),
        "undoes": entry.undoes,
        "stands": entry.number in saved.standing,
    }
