"""`viewfinder predict`: labels of any pictures."""

import csv
import glob
import json
import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import ResultOptions
from viewfinder.core.errors import DataError, UsageError

if TYPE_CHECKING:
    from viewfinder.classifier import Prediction

# Most pictures that a message names.
_MOST_NAMES = 3


def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    pictures: Annotated[
        list[str], typer.Argument(help="Files, folders (with all below them) or globs.")
    ],
    *,
    top: Annotated[int, typer.Option(min=1, help="Number of most probable classes to print.")] = 3,
    coverage: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Print the set of classes that `evaluate RUN --coverage SHARE` has fitted.",
        ),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a row a picture as CSV.")] = False,
    results: ResultOptions,
) -> None:
    """Print the label of pictures, and the probability of each class."""
    from viewfinder.classifier import load

    if results.as_json and as_csv:
        raise UsageError("The result has one format.", expected="--json or --csv, not both")
    _require_order(run, pictures)
    files = list(_files(pictures))
    classifier = load(run)
    if not classifier.starts_at_once:
        results.progress.say(
            "Keras predicts, which takes seconds to start: the run has no model.onnx.",
            style="yellow",
        )
    predictions = classifier.predict(files, coverage=coverage, progress=results.progress)
    if results.as_json:
        answers = [one.to_json(top) for one in predictions]
        print_json({"schema": 1, "run": str(run), "predictions": answers})
    elif as_csv:
        _print_csv(predictions, classifier.classes)
    else:
        _print_table(predictions, top)
    if all(one.rejection for one in predictions):
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


def _is_run(folder: Path) -> bool:
    return os.path.isfile(folder / "labels.json")  # noqa: PTH113 (names that are too long)


def _files(patterns: Iterable[str]) -> Iterator[Path]:
    """The files that the patterns name; a folder stands for all visible files below it."""
    for pattern in patterns:
        names = [pattern] if os.path.exists(pattern) else glob.glob(pattern, recursive=True)  # noqa: PTH110, PTH207 (absolute patterns, names that are too long)
        matches = sorted(Path(name) for name in names if os.path.exists(name))  # noqa: PTH110
        if not matches:
            raise UsageError(
                f"There is nothing at {pattern}.", expected="a picture, a folder or a glob"
            )
        found = [sorted(_below(match)) if match.is_dir() else [match] for match in matches]
        yield from dict.fromkeys(chain.from_iterable(found))  # `**` names folders and their files


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        inner = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") for part in inner):
            yield path


def _print_table(predictions: "list[Prediction]", top: int) -> None:
    from viewfinder.cli.tables import stdout, table

    rows = []
    of_sets = predictions[:1] and predictions[0].classes is not None
    for one in predictions:
        answer = ", ".join(one.classes or ["unknown"]) if of_sets else one.label or ""
        if one.label is None:
            rows.append([one.picture, "–", one.rejection or ""])
            continue
        ranked = list(one.probabilities.items())[:top]
        shares = "  ".join(f"{name} {share:.1%}" for name, share in ranked)
        rows.append([one.picture, answer, shares])
    stdout().print(table(["picture", "set" if of_sets else "label", "probabilities"], rows))


def _print_csv(predictions: "list[Prediction]", classes: tuple[str, ...]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    of_sets = ["set"] if predictions[:1] and predictions[0].classes is not None else []
    writer.writerow(["picture", "label", "confidence", *classes, "rejection", *of_sets])
    for one in predictions:
        shares = [one.probabilities.get(name, "") for name in classes]
        row = [one.picture, one.label or "", one.confidence, *shares, one.rejection or ""]
        writer.writerow([*row, json.dumps(one.classes, ensure_ascii=False)] if of_sets else row)
