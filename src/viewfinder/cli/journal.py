"""`viewfinder journal`: the decisions about a saved dataset, and how to undo them."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import AsJson

if TYPE_CHECKING:
    from viewfinder.data.saved import Entry, SavedDataset


def journal(
    dataset: Annotated[
        Path, typer.Argument(metavar="NAME.dataset", help="A saved dataset.", show_default=False)
    ],
    entry: Annotated[
        int | None,
        typer.Argument(help="Number of an entry, to list its pictures.", show_default=False),
    ] = None,
    *,
    undo: Annotated[
        int | None,
        typer.Option(metavar="N", help="Undo entry N. To undo that undoing restores the entry."),
    ] = None,
    restore: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Take only this picture out of quarantine."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the decisions of `clean` and `split` about a saved dataset, or undo one."""
    from viewfinder.clean import restore as restore_picture
    from viewfinder.core.errors import UsageError
    from viewfinder.data.saved import SavedDataset

    if sum(one is not None for one in (entry, undo, restore)) > 1:
        raise UsageError(
            "The journal does one thing at a time.",
            expected="one of: ENTRY, --undo N, --restore PATH",
        )
    saved = SavedDataset.open(dataset)
    if undo is not None:
        _show_change(saved.undo(undo), saved, as_json)
    elif restore is not None:
        _show_change(restore_picture(saved, restore), saved, as_json)
    elif entry is not None:
        _show_entry(saved, entry, as_json)
    else:
        _show_entries(saved, as_json)


def size_in_words(saved: "SavedDataset") -> str:
    """The number of pictures of a saved dataset, and of those in quarantine."""
    quarantined = saved.state["quarantine"] != ""
    held = int(quarantined.sum())
    return f"{len(quarantined) - held:,} of {len(quarantined):,} pictures; {held:,} in quarantine."


def change_lines(changes: Any) -> list[str]:
    """A line a change: the picture, the change, and the note on it."""
    lines = []
    for row in changes.to_dict("records"):
        if row["column"] == "quarantine":
            note = row.get("note", "") if row["after"] else "back from quarantine"
        else:
            note = f"{row['column']}: {row['before'] or 'none'} → {row['after'] or 'none'}"
        lines.append(f"{row['locator']} ({note})" if note else row["locator"])
    return lines


def _show_change(made: "Entry", saved: "SavedDataset", as_json: bool) -> None:
    """Print the entry that was just added."""
    from viewfinder.cli.tables import print_lines
    from viewfinder.data.splits.table import unsplit_among_split

    if as_json:
        print_json({"schema": 1, "dataset": str(saved), "entry": _entry_json(made, saved)})
        return
    what = made.why
    if made.verb == "restore":
        what = f"restores {', '.join(saved.changes(made)['locator'])}"
    lines = [f"Entry {made.number} {what}.", size_in_words(saved)]
    if count := unsplit_among_split(saved.dataset().table):
        again = shlex.join(["viewfinder", "split", str(saved), "--output", str(saved)])
        lines.append(
            f"Without a split, and therefore in train: {count:,}. "
            f"To place them with their duplicates: {again}"
        )
    print_lines(*lines)


def _show_entries(saved: "SavedDataset", as_json: bool) -> None:
    from viewfinder.cli.tables import print_lines, print_table

    entries, in_effect = saved.entries, saved.standing
    if as_json:
        listed = [_entry_json(one, saved) for one in entries]
        created = saved.header.created
        print_json({"schema": 1, "dataset": str(saved), "created": created, "entries": listed})
        return
    rows = [
        [
            str(one.number),
            f"{one.when:%Y-%m-%d %H:%M}",
            one.verb,
            f"{one.pictures:,}" if one.pictures else "",
            one.why,
            "in effect" if one.number in in_effect else "undone",
        ]
        for one in entries
    ]
    if rows:
        print_table(["entry", "when", "what", "pictures", "why", "state"], rows)
    else:
        print_lines("The journal is empty.")
    print_lines(size_in_words(saved))


def _show_entry(saved: "SavedDataset", number: int, as_json: bool) -> None:
    from viewfinder.cli.tables import print_lines
    from viewfinder.core.errors import UsageError

    entries = saved.entries
    if not 1 <= number <= len(entries):
        known = f"1 to {len(entries)}" if entries else "entries in its journal"
        raise UsageError(f"{saved} has no entry {number}.", expected=known)
    entry = entries[number - 1]
    changes = saved.changes(entry)
    if as_json:
        rows = changes.to_dict("records")
        print_json({"schema": 1, **_entry_json(entry, saved), "changes": rows})
        return
    print_lines(f"Entry {number}, {entry.verb}: {entry.why}", *change_lines(changes))


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
