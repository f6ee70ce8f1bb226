"""`viewfinder datasets`: the course's data."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from viewfinder.cli.boundary import add_command, print_json
from viewfinder.cli.options import AsJson, Quiet, Verbose, verbosity

if TYPE_CHECKING:
    from viewfinder.fetch.catalogue import Entry

Output = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="The folder that holds the datasets; by default one in the cache."
    ),
]

datasets = typer.Typer(help="List or fetch the course's datasets.", no_args_is_help=True)


def list_(output: Output = None, as_json: AsJson = False) -> None:
    """List the course's datasets: what they are, their licence, and which are here."""
    from viewfinder.cli.tables import stdout, table
    from viewfinder.fetch.catalogue import CATALOGUE
    from viewfinder.fetch.datasets import datasets_folder

    if as_json:
        listed = [_entry_json(entry, output) for entry in CATALOGUE.values()]
        print_json({"schema": 1, "datasets": listed})
        return
    headings = ["name", "pictures", "classes", "download", "licence", "verified", "fetched"]
    out = stdout()
    out.print(table(headings, [_row(entry, output) for entry in CATALOGUE.values()]))
    out.print(
        "Verified: a download has been seen to work. "
        f"Fetched ones are in {output or datasets_folder()}",
        markup=False,
        soft_wrap=True,
    )


def fetch(
    name: Annotated[str, typer.Argument(help="A dataset: see `viewfinder datasets list`.")],
    output: Output = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Download a dataset, verify and unpack it; a second time, nothing is done."""
    from viewfinder.cli.tables import stdout
    from viewfinder.core.progress import Progress
    from viewfinder.fetch.catalogue import entry_named
    from viewfinder.fetch.datasets import fetch as bring

    place = bring(name, output=output, progress=Progress(verbosity(quiet, verbose)))
    entry = entry_named(name)
    if as_json:
        print_json({"schema": 1, **_entry_json(entry, output)})
        return
    out = stdout()
    lines = [
        f"Dataset: {place}",
        f"Licence: {entry.licence}. Cite: {entry.citation}.",
        f"Next:    {next_command(entry, place)}",
    ]
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)


def next_command(entry: "Entry", place: Path) -> str:
    """The command that trains on it."""
    words = ["viewfinder", "train", str(place), "--recipe", entry.recipe]
    if entry.label_from:
        words += ["--label-from", entry.label_from]
    return shlex.join(words)


def _row(entry: "Entry", output: Path | None) -> list[str]:
    from viewfinder.fetch.datasets import is_fetched, where

    size = f"{entry.bytes / 1e6:,.1f} MB" if entry.bytes else "none" if not entry.files else "?"
    return [
        entry.name,
        f"{entry.pictures:,}",
        str(entry.classes),
        f"{size}, Kaggle account" if entry.kaggle else size,
        entry.licence,
        "yes" if entry.verified else "no",
        "yes" if is_fetched(where(entry, output)) else "",
    ]


def _entry_json(entry: "Entry", output: Path | None) -> dict[str, Any]:
    """A dataset in `--json`; see docs/formats.md."""
    from viewfinder.fetch.datasets import is_fetched, where

    folder = where(entry, output)
    place = folder / entry.opens
    return {
        "name": entry.name,
        "title": entry.title,
        "pictures": entry.pictures,
        "classes": entry.classes,
        "bytes": entry.bytes,
        "licence": entry.licence,
        "citation": entry.citation,
        "course": entry.course,
        "recipe": entry.recipe,
        "verified": entry.verified,
        "account": entry.kaggle.page if entry.kaggle else None,
        "files": [
            {
                "name": file.name,
                "addresses": [
                    {"url": one.url, "bytes": one.bytes, "sha256": one.sha256, "by": one.stated_by}
                    for one in file.addresses
                ],
            }
            for file in entry.files
        ],
        "path": str(place) if is_fetched(folder) else None,
        "next": next_command(entry, place),
    }


add_command(datasets, list_, name="list")
add_command(datasets, fetch)
