"""`viewfinder evaluate`: a run's metrics and report again, or its figures on other pictures."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import DataOptions, PixelScaling, ResultOptions
from viewfinder.core.errors import UsageError

if TYPE_CHECKING:
    from viewfinder.classifier import Classifier
    from viewfinder.run import Run
    from viewfinder.run.evaluation import Evaluation


@dataclass(frozen=True)
class _FigureOptions:
    """Which figures are computed, and where they are written."""

    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(
            help="Print all figures of one split, with intervals, calibration and baselines."
        ),
    ] = None
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="Find a threshold: 'precision >= 0.99 for cats'. Repeatable.",
        ),
    ] = None
    predictions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a row a picture, as .csv or .parquet."),
    ] = None
    slices: Annotated[
        bool,
        typer.Option(
            "--slices",
            help="Find pictures with worse answers, by size, brightness, folder …, and properties "
            "that tell the label by themselves.",
        ),
    ] = False
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness", help="Rotate, blur, darken … the pictures, at five strengths each."
        ),
    ] = False
    crops: Annotated[
        bool,
        typer.Option(
            "--crops",
            help="Show the model only the centre, the border or the background of the pictures, "
            "and the average over crops.",
        ),
    ] = False
    plots: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Draw ROC, precision and recall, reliability, and robustness."
        ),
    ] = None

    @property
    def are_given(self) -> bool:
        """Whether any of them is requested."""
        return any(vars(self).values())

    def require_writable(self) -> None:
        """Raise before the evaluation where a result could not be written."""
        from viewfinder.core.files import require_writable
        from viewfinder.run.evaluation import require_table

        if self.predictions:
            require_table(self.predictions)
        if self.plots:
            require_writable(self.plots)


@dataclass(frozen=True)
class _FittedOptions:
    """Prediction sets and outlier threshold."""

    coverage: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Fit prediction sets that have the right class for this share of the pictures.",
        ),
    ] = None
    sets: Annotated[
        Literal["lac", "aps"],
        typer.Option(help="lac: the smallest sets; aps: larger ones for harder pictures."),
    ] = "lac"
    by_class: Annotated[
        bool, typer.Option("--by-class", help="Fit the coverage for each class.")
    ] = False
    inside: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Fit an outlier threshold that this share of the pictures stays below, such as "
            "0.95; predict then prints unknown for pictures unlike those of training.",
        ),
    ] = None
    others: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA", help="Pictures of none of the classes, to measure --inside on."
        ),
    ] = None

    @property
    def are_given(self) -> bool:
        """Whether one of them is fitted."""
        return self.coverage is not None or self.inside is not None

    def check(self) -> None:
        """Raise for an option that has no effect without another."""
        if self.coverage is None and (self.by_class or self.sets != "lac"):
            raise UsageError(
                "These sets have no coverage.",
                expected="--coverage 0.95 with --sets and --by-class",
            )
        if self.others and self.inside is None:
            raise UsageError("There is no outlier threshold to measure.", expected="--inside 0.95")

    @property
    def arguments(self) -> dict[str, Any]:
        """The options as :func:`viewfinder.evaluate` takes them."""
        from viewfinder.data.sources import open_dataset
        from viewfinder.evaluation.conformal import SetOptions

        sets = None
        if self.coverage is not None:
            sets = SetOptions(self.coverage, self.sets, self.by_class)
        others = open_dataset(self.others, needs_labels=False) if self.others else None
        return {"coverage": sets, "inside": self.inside, "others": others}


@dataclass(frozen=True)
class _ReportOptions:
    """What is written into the report of a run's own splits."""

    heat_maps: Annotated[
        bool,
        typer.Option(
            "--heat-maps",
            help="Add to the report what spoke for each of the surest mistakes, and the nearest "
            "training picture.",
        ),
    ] = False
    report_only: Annotated[
        bool, typer.Option("--report-only", help="Write the report of the metrics that exist.")
    ] = False


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
    figures: _FigureOptions,
    fitted: _FittedOptions,
    report: _ReportOptions,
    preprocessing: PixelScaling = None,
    reading: DataOptions,
    results: ResultOptions,
) -> None:
    """Evaluate a run's best model: on each of its splits, in full on one, or on other pictures.

    Without DATA and options, metrics.json, plots and report.html are written again, with slices.
    """
    from viewfinder.run import Run
    from viewfinder.run.evaluation import evaluate as evaluate_run

    if data is None and any(value is not None for value in reading.record.values()):
        raise UsageError(
            "There is no DATA, so nothing to read.",
            expected="viewfinder evaluate RUN DATA, where its reading is stated",
        )
    opened, reading = _opened(run, reading, preprocessing)
    fitted.check()
    is_again = data is None and not figures.are_given and not fitted.are_given
    if isinstance(opened, Run) and is_again:
        _write_again(opened, report, results)
        return
    if report.report_only or report.heat_maps:
        raise UsageError(
            "The report is that of the run's own splits.",
            expected="--report-only and --heat-maps without DATA and other options",
        )
    figures.require_writable()
    found = evaluate_run(
        opened,
        reading.opened(data, results.progress, needs_labels=False) if data else None,
        split=figures.split,
        thresholds=figures.threshold or (),
        progress=results.progress,
        **fitted.arguments,
    )
    if figures.predictions:
        found.save_predictions(figures.predictions)
    _show(replace(found, name=str(run)), figures, results)


def _opened(
    path: Path, reading: DataOptions, preprocessing: str | None
) -> "tuple[Run | Classifier, DataOptions]":
    """Open a run, a bundle or another model, to which --class-names belongs, not to DATA."""
    from viewfinder.classifier.bundle import is_bundle
    from viewfinder.classifier.opening import is_foreign
    from viewfinder.models.opening import load
    from viewfinder.run import Run

    if is_foreign(path):
        classifier = load(path, class_names=reading.classes, preprocessing=preprocessing)
        return classifier, replace(reading, classes=None)
    if preprocessing is not None:
        raise UsageError(
            f"{path} states its preprocessing itself.",
            expected="`preprocessing` for a model that was trained elsewhere",
        )
    return load(path) if is_bundle(path) else Run.open(path), reading


def _show(found: "Evaluation", figures: _FigureOptions, results: ResultOptions) -> None:
    """Compute the further figures that are requested, and print or draw everything."""
    from viewfinder.cli.evaluation import show_crops, show_evaluation, show_robustness, show_slices

    progress = results.progress
    sliced = found.slices(progress=progress) if figures.slices else ()
    shortcuts = found.shortcuts(progress=progress) if figures.slices else ()
    changed = found.robustness(progress=progress) if figures.robustness else None
    cropped = found.crops(progress=progress) if figures.crops else None
    if figures.plots:
        from viewfinder.pages.evaluation_plots import write_evaluation_plots

        write_evaluation_plots(found.metrics, figures.plots, changed)
    if results.as_json:
        document = found.to_json()
        if figures.slices:
            document["slices"] = [one.to_json() for one in sliced]
            document["shortcuts"] = [one.to_json() for one in shortcuts]
        if changed:
            document["robustness"] = changed.to_json()
        if cropped:
            document["crops"] = cropped.to_json()
        print_json(document)
        return
    show_evaluation(found, everything=results.verbose)
    if figures.slices:
        show_slices(sliced, shortcuts, everything=results.verbose)
    if changed:
        show_robustness(changed)
    if cropped:
        show_crops(cropped)


def _write_again(run: "Run", report: _ReportOptions, results: ResultOptions) -> None:
    from viewfinder.cli.tables import metrics_table, print_lines, stdout
    from viewfinder.run.full_report import write_full_report

    metrics = run.metrics if report.report_only else run.evaluate(progress=results.progress)
    page = write_full_report(run, heat_maps=report.heat_maps, progress=results.progress)
    if results.as_json:
        print_json(metrics)
        return
    stdout().print(metrics_table(metrics))
    print_lines(f"Report: {page}")
