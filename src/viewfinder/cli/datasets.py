"""`viewfinder datasets` and `viewfinder fetch`: the course's data."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.listing import show_list, show_one
from viewfinder.cli.options import AsJson, ResultOptions

if TYPE_CHECKING:
    from viewfinder.fetch.catalogue import Entry

Output = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="Folder that holds the datasets; by default one in the cache."
    ),
]
_HEADINGS = ["name", "pictures", "classes", "download", "fetched", "licence"]


def datasets(
    name: Annotated[str | None, typer.Argument(help="Show this one.", show_default=False)] = None,
    *,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """List the course's datasets, their licences and which are fetched, or show one."""
    from viewfinder.cli.tables import print_lines
    from viewfinder.fetch.catalogue import CATALOGUE, entry_named
    from viewfinder.fetch.datasets import datasets_folder

    if name:
        show_one("datasets", _entry_json(entry_named(name), output), as_json=as_json)
        return
    entries = CATALOGUE.values()
    documents = {"datasets": [_entry_json(entry, output) for entry in entries]}
    rows = [_row(entry, output) for entry in entries]
    show_list(documents, _HEADINGS, rows, as_json=as_json)
    if not as_json:
        print_lines(f"Fetched datasets are in {output or datasets_folder()}")


def fetch(
    name: Annotated[str, typer.Argument(help="A dataset of `viewfinder datasets`.")],
    *,
    output: Output = None,
    results: ResultOptions,
) -> None:
    """Download one of the course's datasets, verify it, and unpack it."""
    from viewfinder.cli.tables import print_lines
    from viewfinder.fetch.catalogue import entry_named
    from viewfinder.fetch.datasets import fetch as fetch_dataset

    place = fetch_dataset(name, output=output, progress=results.progress)
    entry = entry_named(name)
    if results.as_json:
        print_json({"schema": 1, **_entry_json(entry, output)})
        return
    print_lines(
        f"Dataset: {place}",
        f"Licence: {entry.licence}. Cite: {entry.citation}.",
        f"Next:    {_next_command(entry, place)}",
    )


def _next_command(entry: "Entry", place: Path) -> str:
    """The command that trains on the dataset."""
    words = ["viewfinder", "train", str(place), "--recipe", entry.recipe]
    if entry.label_from:
        words += ["--label-from", entry.label_from]
    return shlex.join(words)


def _row(entry: "Entry", output: Path | None) -> list[str]:
    from viewfinder.fetch.datasets import dataset_folder, is_fetched

    size = f"{entry.bytes / 1e6:,.1f} MB" if entry.bytes else "none" if not entry.files else "?"
    return [
        entry.name,
        f"{entry.pictures:,}",
        str(entry.classes),
        "Kaggle account" if entry.kaggle else size,
        "yes" if is_fetched(dataset_folder(entry, output)) else "–",
        entry.licence,
    ]


def _entry_json(entry: "Entry", output: Path | None) -> dict[str, Any]:
    """A dataset in `--json`; see docs/formats.md."""
    from viewfinder.fetch.datasets import dataset_folder, is_fetched

    folder = dataset_folder(entry, output)
    place = folder / entry.opens
    return {
        "name": entry.name,
        "title": entry.title,
        "pictures": entry.pictures,
        "classes": entry.classes,
        "class_names": list(entry.class_names),
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
        "next": _next_command(entry, place),
    }
