"""`viewfinder compare`: runs side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import AsJson

if TYPE_CHECKING:
    from viewfinder.evaluation.comparison import Comparison, PairedSplit

_OUTPUT = Path("compare")
_LONGEST = 60


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of two runs or more.")],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder for the page and the plot; by default compare, and none with --json.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what differs between runs, and test the difference on the pictures in common."""
    from viewfinder.cli.tables import print_lines
    from viewfinder.evaluation.comparison.compare import compare as compare_runs
    from viewfinder.pages.comparison.page import write_comparison

    compared = compare_runs(runs)
    folder = output or (None if as_json else _OUTPUT)
    page = write_comparison(compared, folder) if folder else None
    if as_json:
        print_json(compared.to_json())
        return
    _show(compared)
    print_lines(f"Page: {page}")


def _show(compared: "Comparison") -> None:
    from viewfinder.cli.tables import print_lines, print_table

    rows = [[one.name, *(_short(value) for value in one.shown)] for one in compared.differences]
    if rows:
        print_table(["what differs", *compared.names], rows)
    else:
        print_lines("Nothing differs: recipe, data and software are the same.")
    print_lines("")
    rows = [
        [
            one.run,
            one.split,
            f"{one.count:,}",
            f"{one.accuracy:.4f}{'*' if one.is_optimistic else ''}",
            "{:.3f}–{:.3f}".format(*one.accuracy_interval),
            f"{one.loss:.4f}",
        ]
        for one in compared.scores
    ]
    heads = ["run", "split", "pictures", "accuracy", "95 % interval", "loss"]
    print_table(heads, rows)
    if any(one.is_optimistic for one in compared.scores):
        print_lines("* These pictures also chose the best epoch: the figure is optimistic.")
    for split in compared.splits:
        print_lines("")
        _show_split(split)


def _show_split(split: "PairedSplit") -> None:
    from viewfinder.cli.tables import print_lines, print_table

    print_lines(*split.notes)
    if not split.pairs:
        return
    rows = [
        [
            f"{pair.first} → {pair.second}",
            f"{pair.only_first:,}",
            f"{pair.only_second:,}",
            f"{100 * pair.accuracy_difference:+.1f}",
            "{:+.1f} to {:+.1f}".format(*(100 * end for end in pair.accuracy_interval)),
            f"{pair.loss_difference:+.3f}",
            "{:+.3f} to {:+.3f}".format(*pair.loss_interval),
            f"{pair.p_holm:.4f}",
        ]
        for pair in split.pairs
    ]
    heads = [
        f"{split.count:,} {split.split} pictures in common",
        "only first",
        "only second",
        "points",
        "95 %",
        "loss",
        "95 %",
        "p (McNemar)",
    ]
    print_table(heads, rows)
    print_lines(*(pair.sentence for pair in split.pairs))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
