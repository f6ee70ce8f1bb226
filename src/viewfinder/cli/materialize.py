"""`viewfinder materialize`: a dataset as class folders, for other tools."""

from pathlib import Path
from typing import Annotated

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import Data, DataOptions, ResultOptions


def materialize(
    data: Data,
    *,
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder to write; new, or empty.")],
    copy: Annotated[
        bool,
        typer.Option("--copy", help="Copy each picture; by default hard links, where possible."),
    ] = False,
    reading: DataOptions,
    results: ResultOptions,
) -> None:
    """Write a dataset as class folders, for tools that read nothing else."""
    from viewfinder.cli.tables import print_lines
    from viewfinder.core.words import listed
    from viewfinder.data.saved.materialize import materialize as write_out

    dataset = reading.opened(data, results.progress)
    done = write_out(dataset, output, copy=copy, progress=results.progress)
    if results.as_json:
        print_json({"schema": 1, **done.to_json()})
        return
    lines = [f"{done.linked:,} hard links: to change such a file changes the original."]
    lines = [*done.notes, *(lines if done.linked else [])]
    lines += [f"{count:,} copies: {why}." for why, count in done.copied.items()]
    lines += [f"The class {name} is in {safe}/." for name, safe in done.renamed.items()]
    if done.rejected:
        reasons = [f"{locator} ({why})" for locator, why in done.rejected.items()]
        lines.append(f"{len(reasons):,} left out, not readable: {listed(reasons, 3)}.")
    print_lines(*lines, f"Folder: {output}")
