"""`viewfinder evaluate`: a run's metrics and report again, or its figures on other pictures."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import DataOptions, ForeignOptions, PixelScaling, ResultOptions
from viewfinder.core.errors import UsageError

if TYPE_CHECKING:
    from viewfinder.classifier import Classifier
    from viewfinder.run import Run
    from viewfinder.run.evaluation import Evaluation


def evaluate(
    run: Annotated[
        Path,
        typer.Argument(help="Folder of a run, a bundle, or a model: .keras, .h5, .onnx."),
    ],
    data: Annotated[
        Path | None,
        typer.Argument(
            help="Other labelled pictures; classes are matched by name. Without it, the run's own."
        ),
    ] = None,
    *,
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(
            help="Print all figures of one split, with intervals, calibration and baselines."
        ),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="Find a threshold: 'precision >= 0.99 for cats'. Repeatable.",
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a row a picture, as .csv or .parquet."),
    ] = None,
    slices: Annotated[
        bool,
        typer.Option(
            "--slices",
            help="Find pictures with worse answers, by size, brightness, folder …, and properties "
            "that tell the label by themselves.",
        ),
    ] = False,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness", help="Rotate, blur, darken … the pictures, at five strengths each."
        ),
    ] = False,
    crops: Annotated[
        bool,
        typer.Option(
            "--crops",
            help="Show the model only the centre, the border or the background of the pictures, "
            "and the average over crops.",
        ),
    ] = False,
    plots: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Draw ROC, precision and recall, reliability, and robustness."
        ),
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Fit prediction sets that have the right class for this share of the pictures.",
        ),
    ] = None,
    sets: Annotated[
        Literal["lac", "aps"],
        typer.Option(help="lac: the smallest sets; aps: larger ones for harder pictures."),
    ] = "lac",
    by_class: Annotated[
        bool, typer.Option("--by-class", help="Fit the coverage for each class.")
    ] = False,
    inside: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Fit an outlier threshold that this share of the pictures stays below, such as "
            "0.95; predict then prints unknown for pictures unlike those of training.",
        ),
    ] = None,
    others: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA", help="Pictures of none of the classes, to measure --inside on."
        ),
    ] = None,
    heat_maps: Annotated[
        bool,
        typer.Option(
            "--heat-maps",
            help="Add to the report what spoke for each of the surest mistakes, and the nearest "
            "training picture.",
        ),
    ] = False,
    report_only: Annotated[
        bool, typer.Option("--report-only", help="Write the report of the metrics that exist.")
    ] = False,
    preprocessing: PixelScaling = None,
    reading: DataOptions,
    results: ResultOptions,
) -> None:
    """Evaluate a run's best model: on each of its splits, in full on one, or on other pictures.

    Without DATA and options, metrics.json, plots and report.html are written again, with slices.
    """
    from viewfinder.classifier.bundle import is_bundle
    from viewfinder.classifier.opening import is_foreign
    from viewfinder.core.progress import Progress
    from viewfinder.models.opening import load
    from viewfinder.run import Run

    if data is None and any(value is not None for value in reading.record.values()):
        raise UsageError(
            "There is no DATA, so nothing to read.",
            expected="viewfinder evaluate RUN DATA, where its reading is stated",
        )
    opened: Run | Classifier
    if is_foreign(run):
        opened = ForeignOptions(reading.classes, preprocessing).load(run, Progress(0))
        reading = replace(reading, classes=None)
    else:
        _refuse_scaling(run, preprocessing)
        opened = load(run) if is_bundle(run) else Run.open(run)
    if coverage is None and (by_class or sets != "lac"):
        raise UsageError(
            "These sets have no coverage.", expected="--coverage 0.95 with --sets and --by-class"
        )
    if others and inside is None:
        raise UsageError("There is no outlier threshold to measure.", expected="--inside 0.95")
    options = split or threshold or predictions or plots or slices or robustness or crops
    is_again = data is None and coverage is None and inside is None and not options
    if isinstance(opened, Run) and is_again:
        _write_again(opened, results, report_only=report_only, heat_maps=heat_maps)
        return
    from viewfinder.core.files import require_writable
    from viewfinder.data.sources import open_dataset
    from viewfinder.evaluation.conformal import SetOptions
    from viewfinder.run.evaluation import evaluate as evaluate_run
    from viewfinder.run.evaluation import require_table

    if report_only or heat_maps:
        raise UsageError(
            "The report is that of the run's own splits.",
            expected="--report-only and --heat-maps without DATA and other options",
        )
    if predictions:
        require_table(predictions)
    if plots:
        require_writable(plots)
    found = evaluate_run(
        opened,
        reading.opened(data, results.progress, needs_labels=False) if data else None,
        split=split,
        thresholds=threshold or (),
        coverage=None if coverage is None else SetOptions(coverage, sets, by_class),
        inside=inside,
        others=open_dataset(others, needs_labels=False) if others else None,
        progress=results.progress,
    )
    if predictions:
        found.save_predictions(predictions)
    found = replace(found, name=str(run))
    _show(found, results, slices=slices, robustness=robustness, crops=crops, plots=plots)


def _refuse_scaling(path: Path, preprocessing: str | None) -> None:
    if preprocessing is not None:
        raise UsageError(
            f"{path} states its preprocessing itself.",
            expected="`preprocessing` for a model that was trained elsewhere",
        )


def _show(
    found: "Evaluation",
    results: ResultOptions,
    *,
    slices: bool,
    robustness: bool,
    crops: bool,
    plots: Path | None,
) -> None:
    """Compute the further figures that are requested, and print or draw everything."""
    from viewfinder.cli.evaluation import (
        show_crops,
        show_evaluation,
        show_robustness,
        show_slices,
    )

    progress = results.progress
    sliced = found.slices(progress=progress) if slices else ()
    shortcuts = found.shortcuts(progress=progress) if slices else ()
    changed = found.robustness(progress=progress) if robustness else None
    cropped = found.crops(progress=progress) if crops else None
    if plots:
        from viewfinder.pages.evaluation_plots import write_evaluation_plots

        write_evaluation_plots(found.metrics, plots, changed)
    if results.as_json:
        document = found.to_json()
        if slices:
            document["slices"] = [one.to_json() for one in sliced]
            document["shortcuts"] = [one.to_json() for one in shortcuts]
        if changed:
            document["robustness"] = changed.to_json()
        if cropped:
            document["crops"] = cropped.to_json()
        print_json(document)
        return
    show_evaluation(found, everything=results.verbose)
    if slices:
        show_slices(sliced, shortcuts, everything=results.verbose)
    if changed:
        show_robustness(changed)
    if cropped:
        show_crops(cropped)


def _write_again(run: "Run", results: ResultOptions, *, report_only: bool, heat_maps: bool) -> None:
    from viewfinder.cli.tables import metrics_table, stdout
    from viewfinder.run.full_report import write_full_report

    metrics = run.metrics if report_only else run.evaluate(progress=results.progress)
    report = write_full_report(run, heat_maps=heat_maps, progress=results.progress)
    if results.as_json:
        print_json(metrics)
        return
    out = stdout()
    out.print(metrics_table(metrics))
    out.print(f"Report: {report}", markup=False, soft_wrap=True)
