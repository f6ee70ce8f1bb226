"""`viewfinder features`: the features of each picture, as a file and as plots."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import (
    Alpha,
    BaseOptions,
    Cut,
    Data,
    DataOptions,
    ImageSize,
    ResultOptions,
    Weights,
    side_lengths,
)


def features(
    data: Data,
    *,
    output: Annotated[
        Path, typer.Option(metavar="FILE", help="FILE.npz or FILE.parquet to write.")
    ] = Path("features.npz"),
    plots: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Plot a map of the pictures, and the most similar ones."
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Network: one of `viewfinder bases`, a FILE.keras, or hub:PRESET of KerasHub; by "
            "default EfficientNetLite0 if installed, else MobileNetV2.",
            show_default=False,
        ),
    ] = None,
    pooling: Annotated[
        Literal["average", "max", "quarters", "flatten"],
        typer.Option(help="How the feature map becomes a vector."),
    ] = "quarters",
    size: ImageSize = None,
    alpha: Alpha = None,
    weights: Weights = None,
    cut: Cut = None,
    reading: DataOptions,
    results: ResultOptions,
) -> None:
    """Write the features of each picture, and plot which pictures are similar."""
    from viewfinder.cli.tables import print_lines
    from viewfinder.core.files import require_writable
    from viewfinder.models.features.table import extract

    settings = BaseOptions(base, alpha, weights, cut).for_features(pooling)
    for folder in (output.parent, plots):
        if folder:
            require_writable(folder)
    dataset = reading.opened(data, results.progress)
    table = extract(dataset, settings, size=side_lengths(size), progress=results.progress)
    table.save(output)
    written: list[Path] = []
    if plots:
        from viewfinder.pages.feature_plots import write_feature_plots

        written = write_feature_plots(table, dataset, plots)
    if results.as_json:
        document = {"schema": 1, "features": str(output), "pictures": len(table)}
        paths = [str(path) for path in written]
        print_json({**document, "width": table.rows.shape[1], "plots": paths})
        return
    lines = [f"{len(table):,} pictures, {table.rows.shape[1]:,} features each: {output}"]
    lines += [f"Plot: {path}" for path in written]
    print_lines(*lines)
