"""`viewfinder features`: what a pretrained network says of each picture, as a file and as plots."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import (
    Alpha,
    AsJson,
    Cut,
    Data,
    ImageSize,
    LabelColumn,
    LabelFrom,
    Quiet,
    Root,
    Verbose,
    Weights,
    base_for_features,
    open_data,
    side_lengths,
    verbosity,
)


class PoolingChoice(StrEnum):
    """How a feature map becomes a row of numbers."""

    AVERAGE = "average"
    MAX = "max"
    QUARTERS = "quarters"
    FLATTEN = "flatten"


def features(
    data: Data,
    output: Annotated[
        Path, typer.Option(metavar="FILE", help="Where they go: FILE.npz or FILE.parquet.")
    ] = Path("features.npz"),
    plots: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Draw a map of the pictures, and those most alike."),
    ] = None,
    base: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE.keras|hub:PRESET",
            help="A network of `viewfinder bases`, a model of your own, or a preset of KerasHub.",
        ),
    ] = "MobileNetV2",
    alpha: Alpha = None,
    weights: Weights = None,
    cut: Cut = None,
    pooling: Annotated[
        PoolingChoice, typer.Option(help="How the feature map becomes a row of numbers.")
    ] = PoolingChoice.AVERAGE,
    image_size: ImageSize = None,
    label_from: LabelFrom = None,
    label_column: LabelColumn = None,
    root: Root = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write the features of each picture, and draw which pictures are alike."""
    from viewfinder.cli.tables import stdout
    from viewfinder.core.files import require_writable
    from viewfinder.core.progress import Progress
    from viewfinder.features.table import extract

    progress = Progress(verbosity(quiet, verbose))
    settings = base_for_features(base, alpha, weights, cut, pooling)
    require_writable(output.parent)
    dataset = open_data(
        data, label_from=label_from, root=root, label_column=label_column, progress=progress
    )
    table = extract(dataset, settings, size=side_lengths(image_size), progress=progress)
    table.save(output)
    drawn: list[Path] = []
    if plots:
        from viewfinder.pages.feature_plots import write_feature_plots

        drawn = write_feature_plots(table, dataset, plots)
    if as_json:
        print_json(
            {
                "schema": 1,
                "features": str(output),
                "pictures": len(table),
                "width": table.rows.shape[1],
                "plots": [str(path) for path in drawn],
            }
        )
        return
    out = stdout()
    said = f"{len(table):,} pictures, {table.rows.shape[1]:,} features each: {output}"
    out.print(said, markup=False, soft_wrap=True)
    for path in drawn:
        out.print(f"Plot: {path}", markup=False, soft_wrap=True)
