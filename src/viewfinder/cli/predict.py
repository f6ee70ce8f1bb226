"""`viewfinder predict`: labels of any pictures."""

import os
import shlex
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from viewfinder.cli.options import ForeignOptions, ResultOptions
from viewfinder.core.errors import DataError, UsageError

if TYPE_CHECKING:
    from viewfinder.classifier.prediction import PredictOptions

# Most pictures that a message names.
_MOST_NAMES = 3
_FORMAT = "Format of the result"
_ANSWER = "Which label"


@dataclass(frozen=True)
class AnswerOptions:
    """When a picture gets which label."""

    coverage: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Print the set of classes that `evaluate RUN --coverage SHARE` has fitted.",
            rich_help_panel=_ANSWER,
        ),
    ] = None
    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE|CONDITION",
            help="Print `unknown` where the most probable class has a probability below this. Or "
            "apply the threshold of a class that `evaluate RUN --threshold CONDITION` has fitted.",
            rich_help_panel=_ANSWER,
        ),
    ] = None
    calibrated: Annotated[
        bool,
        typer.Option(
            "--calibrated",
            help="Print probabilities at the temperature that the validation pictures chose.",
            rich_help_panel=_ANSWER,
        ),
    ] = False
    error: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Print `unknown` unless at most this share of the labels is wrong, by the "
            "threshold that `evaluate RUN --coverage 1-SHARE` has fitted.",
            rich_help_panel=_ANSWER,
        ),
    ] = None

    @property
    def options(self) -> "PredictOptions":
        """As the library takes them."""
        from viewfinder.classifier.prediction import PredictOptions

        threshold: float | str | None = self.threshold
        if self.threshold is not None:
            text = self.threshold.strip()
            with suppress(ValueError):  # a condition
                threshold = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        return PredictOptions(self.coverage, threshold, self.error, self.calibrated)


@dataclass(frozen=True)
class _FormatOptions:
    """The format, besides --json."""

    as_csv: Annotated[
        bool,
        typer.Option("--csv", help="Print a row a picture as CSV.", rich_help_panel=_FORMAT),
    ] = False
    as_lines: Annotated[
        bool,
        typer.Option("--jsonl", help="Print a line a picture as JSON.", rich_help_panel=_FORMAT),
    ] = False
    parquet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write a row a picture to FILE.parquet.", rich_help_panel=_FORMAT
        ),
    ] = None

    def chosen(self, results: ResultOptions) -> str:
        """Return the option of the requested format, "" for a table.

        Raises:
            UsageError: There are several, or no Parquet file of this name can be written.
        """
        options = {
            "--json": results.as_json,
            "--jsonl": self.as_lines,
            "--csv": self.as_csv,
            "--parquet": self.parquet is not None,
        }
        given = [name for name, is_given in options.items() if is_given]
        if len(given) > 1:
            raise UsageError(
                "The result has one format.",
                expected=f"one of {', '.join(options)}",
                received=" and ".join(given),
            )
        if self.parquet is not None:
            from viewfinder.cli.predictions import require_parquet

            require_parquet(self.parquet)
        return "".join(given)


def predict(
    run: Annotated[
        Path,
        typer.Argument(help="Folder of a run, a bundle, or a model: .keras, .h5, .onnx."),
    ],
    pictures: Annotated[
        list[str], typer.Argument(help="Files, folders (with all below them) or globs.")
    ],
    *,
    top: Annotated[int, typer.Option(min=1, help="Number of most probable classes to print.")] = 3,
    answers: AnswerOptions,
    foreign: ForeignOptions,
    formats: _FormatOptions,
    results: ResultOptions,
) -> None:
    """Print the label of pictures, and the probability of each class.

    Pictures are read, predicted and printed one after another, so that folders of any size fit
    into the memory.
    """
    from viewfinder.cli.predictions import BLOCK, Counted, Form
    from viewfinder.pictures.listing import files_at

    options, chosen = answers.options, formats.chosen(results)
    _require_order(run, pictures)
    total = sum(1 for _ in files_at(pictures))
    classifier = foreign.load(run, results.progress)
    if not classifier.starts_at_once:
        why = ": the run has no model.onnx" if classifier.folder else ""
        results.progress.say(f"Keras predicts, which takes seconds to start{why}.", style="yellow")
    predictions = classifier.stream(files_at(pictures), options)
    # On a terminal, rows show the progress, and a bar would be drawn between them.
    if not sys.stdout.isatty() or chosen == "--parquet" or (chosen == "" and total <= BLOCK):
        predictions = results.progress.track(predictions, "Predicting", total)
    counted = Counted(predictions)
    of_sets, of_scores = options.coverage is not None, classifier.outliers is not None
    form = Form(classifier.classes, top, of_sets, of_scores)
    match chosen:
        case "--json":
            form.print_json(counted, str(run))
        case "--jsonl":
            form.print_lines(counted)
        case "--csv":
            form.print_csv(counted)
        case "--parquet":
            assert formats.parquet is not None
            form.write_parquet(counted, formats.parquet)
            print(f"Pictures: {counted.count:,}, of them unreadable: {counted.rejected:,}")
            print(f"Predictions: {formats.parquet}")
        case _:
            form.print_table(counted)
    if counted.rejected == counted.count:
        from viewfinder.pictures.codecs.magic import READABLE

        raise DataError(
            "None of these files is a readable picture.",
            expected=f"{READABLE} files",
        )


def _require_order(run: Path, pictures: list[str]) -> None:
    """Raise where the run is named after the pictures."""
    runs = [] if _is_run(run) else [one for one in pictures if _is_run(Path(one))]
    if not runs:
        return
    others = [str(run), *(one for one in pictures if one != runs[-1])]
    words = shlex.join(["viewfinder", "predict", runs[-1], *others[:_MOST_NAMES]])
    more = " …" if len(others) > _MOST_NAMES else ""
    raise UsageError(
        "The run comes first, then the pictures.",
        expected="viewfinder predict RUN PICTURES",
        received=f"{run}, which is not a run, before {runs[-1]}, which is one",
        remedy=f"{words}{more}",
    )


def _is_run(path: Path) -> bool:
    from viewfinder.classifier.opening import is_without_run

    return os.path.isfile(path / "labels.json") or is_without_run(path)  # noqa: PTH113 (names that are too long)
