"""`viewfinder explore`: what a dataset looks like."""

from pathlib import Path
from typing import Annotated

import typer

from viewfinder.cli.options import (
    Data,
    LabelColumn,
    LabelFrom,
    Quiet,
    Root,
    Seed,
    Verbose,
    open_data,
    verbosity,
)


def explore(
    data: Data,
    output: Annotated[Path, typer.Option(help="The folder for the page and the PNG files.")] = Path(
        "explore"
    ),
    each: Annotated[int, typer.Option(min=1, max=64, help="Pictures of each class.")] = 16,
    seed: Seed = None,
    label_from: LabelFrom = None,
    label_column: LabelColumn = None,
    root: Root = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show a dataset: counts, sizes, the mean and a sample of each class."""
    from viewfinder.cli.tables import stdout, table
    from viewfinder.core.progress import Progress
    from viewfinder.pages.explore import write_exploration
    from viewfinder.store.explore import explore as explore_dataset

    progress = Progress(verbosity(quiet, verbose))
    dataset = open_data(
        data, label_from=label_from, root=root, label_column=label_column, progress=progress
    )
    explored = explore_dataset(dataset, each=each, seed=seed or 0, progress=progress)
    page = write_exploration(explored, output)
    out = stdout()
    rows = [[one.name, f"{one.count:,}"] for one in explored.classes]
    out.print(table(["class", "readable pictures"], rows, numbers=True))
    out.print(f"Page: {page}", markup=False, soft_wrap=True)
