"""`viewfinder export`: a model in a format of other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import ForeignOptions, ResultOptions

if TYPE_CHECKING:
    from viewfinder.delivery.export.export import Export


def export(
    run: Annotated[
        Path,
        typer.Argument(help="Folder of a run, a bundle, or a model: .keras, .h5, .onnx."),
    ],
    *,
    to: Annotated[
        Literal["onnx", "onnx-int8", "savedmodel", "litert", "openvino", "keras", "weights", "h5"],
        typer.Option(help="Format of the export."),
    ] = "onnx",
    raw: Annotated[
        bool,
        typer.Option(
            "--raw", help="Put the preprocessing inside: for decoded pictures of any size."
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="By default RUN-FORMAT, beside the run."),
    ] = None,
    pictures: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH",
            help="Check the export on these files, folders or globs, not on the run's test and "
            "validation pictures. Repeatable.",
        ),
    ] = None,
    foreign: ForeignOptions,
    results: ResultOptions,
) -> None:
    """Export a model for other programs, with labels.txt and preprocessing.json.

    The export is kept only if it predicts real pictures as `predict` does.
    """
    from viewfinder.cli.tables import print_lines
    from viewfinder.delivery.export.export import export as write_export

    found = write_export(
        run,
        to,
        output,
        raw=raw,
        pictures=pictures,
        class_names=foreign.class_names,
        preprocessing=foreign.preprocessing,
        progress=results.progress,
    )
    if results.as_json:
        print_json(found.to_json())
        return
    print_lines(*_lines(found))


def _lines(found: "Export") -> list[str]:
    lines = [
        f"Export: {found.path} ({found.bytes / 1e6:,.1f} MB)",
        f"Checked on {found.pictures:,} pictures: the same label on {found.same_label:,}, "
        f"probabilities up to {found.difference:.1e} apart.",
    ]
    if found.share_of_size is not None:
        lines.append(f"Size: {found.share_of_size:.2f} of that in float32.")
    if found.accuracy_change is not None:
        change, (low, high) = found.accuracy_change
        lines.append(
            f"Accuracy: {100 * change:+.2f} points from float32 "
            f"(95 % interval: {100 * low:+.2f} to {100 * high:+.2f})."
        )
    if found.levels is not None:
        mean, most = found.levels
        lines.append(
            f"Its resize: pixels {mean:.2f} of 255 levels from those of `predict` on average, "
            f"{most:.0f} at most."
        )
    return lines
