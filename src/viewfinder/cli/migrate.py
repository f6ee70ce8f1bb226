"""`viewfinder migrate`: rewrites scripts and notebooks of Keras 1 and 2 for Keras 3."""

from pathlib import Path
from typing import Annotated

import typer


def migrate(
    path: Annotated[Path, typer.Argument(metavar="FILE|FOLDER", help="Scripts or notebooks.")],
    *,
    diff: Annotated[bool, typer.Option("--diff", help="Print the changes as a diff.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Change the files in place.")] = False,
) -> None:
    """List what no longer works in old Keras code, and rewrite it."""
    from viewfinder.cli.tables import print_lines
    from viewfinder.compat.migrate.files import migrate as migrated

    files = by_hand = changed = 0
    for outcome in migrated(path, write=write):
        files += 1
        changed += outcome.is_changed
        if outcome.result is None:
            print_lines(f"{outcome.path}: left as it is. {outcome.refusal}")
            continue
        for cell, change in outcome.result.changes:
            by_hand += change.by_hand
            place = f"{change.line}" if cell is None else f"cell {cell}, line {change.line}"
            what = "change by hand: " if change.by_hand else ""
            print_lines(f"{outcome.path}:{place}: {what}{change.reason} ({change.link})")
        for cell, reason in outcome.result.skipped.items():
            print_lines(f"{outcome.path}:cell {cell}: left as it is. {reason}")
        if diff:
            print_lines(*outcome.diff.split("\n"))
    to_do = f"; {by_hand} places to change by hand" if by_hand else ""
    print_lines(f"{'Rewrote' if write else 'Would rewrite'} {changed} of {files} files{to_do}.")
    if changed and not write:
        print_lines("--write changes them in place, --diff shows how.")
