"""`viewfinder materialize`: a dataset as class folders, for other tools."""

from pathlib import Path
from typing import Annotated

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


def materialize(
    data: Data,
    output: Annotated[
        Path, typer.Option(metavar="FOLDER", help="The folder to write; new, or empty.")
    ],
    copy: Annotated[
        bool,
        typer.Option("--copy", help="Copy each picture; by default hard links, where possible."),
    ] = False,
    label_from: LabelFrom = None,
    label_column: LabelColumn = None,
    root: Root = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write a dataset out as class folders, for tools that know nothing else."""
    from viewfinder.audit.finding import listed
    from viewfinder.cli.tables import stdout
    from viewfinder.core.progress import Progress
    from viewfinder.data.saved.materialize import materialize as write_out

    progress = Progress(verbosity(quiet, verbose))
    dataset = open_data(
        data, label_from=label_from, root=root, label_column=label_column, progress=progress
    )
    done = write_out(dataset, output, copy=copy, progress=progress)
    if as_json:
        print_json({"schema": 1, **done.to_json()})
        return
    out = stdout()
    lines = [f"{done.linked:,} hard links: who writes into one writes into the original."]
    lines = lines if done.linked else []
    lines += [f"{count:,} copies: {why}." for why, count in done.copied.items()]
    lines += [f"The class {name} is in {safe}/." for name, safe in done.renamed.items()]
    if done.missing:
        lines.append(f"{len(done.missing):,} left out, unreadable: {listed(done.missing, 3)}")
    for line in [*lines, f"Folder: {output}"]:
        out.print(line, markup=False, soft_wrap=True)
