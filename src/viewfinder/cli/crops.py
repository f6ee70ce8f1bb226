"""`viewfinder crops`: what cropping does to training."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.groups import settings_of
from viewfinder.cli.options import (
    BaseOptions,
    Data,
    DataOptions,
    GroupFrom,
    InputOptions,
    RecipeOptions,
    ResultOptions,
)
from viewfinder.core.words import percent

if TYPE_CHECKING:
    from viewfinder.jobs.crops import CropExperiment


def crops(
    data: Data,
    *,
    recipe: RecipeOptions,
    zoom: Annotated[
        float, typer.Option(metavar="SHARE", help="Kept share of both sides of each picture.")
    ] = 0.7,
    seeds: Annotated[int, typer.Option(help="Number of seeds; each trains two models.")] = 3,
    epochs: Annotated[int | None, typer.Option(help="Epochs of each training.")] = None,
    output: Annotated[Path, typer.Option(help="Folder that holds the runs.")] = Path("runs"),
    name: Annotated[
        str | None, typer.Option(help="Name of the experiment; numbered if it exists.")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Continue an experiment that was stopped."),
    ] = None,
    input: InputOptions,
    reading: DataOptions,
    group_from: GroupFrom = None,
    base: BaseOptions,
    results: ResultOptions,
) -> None:
    """Train on whole pictures and on their centres, and test the difference."""
    from viewfinder.jobs.crops import crop_experiment

    flags = {**base.given, **settings_of(input)}
    if epochs is not None:
        flags["training.epochs"] = epochs
    progress = results.progress
    wanted = recipe.changed(flags)
    dataset = reading.opened(data, progress, group_from=group_from)
    for note in dataset.notes:
        progress.say(note)
    found = crop_experiment(
        dataset,
        wanted,
        zoom=zoom,
        seeds=seeds,
        resume=resume,
        output=output,
        name=name,
        progress=progress,
    )
    if results.as_json:
        print_json(found.to_json())
    else:
        _show(found)


def _show(found: "CropExperiment") -> None:
    from viewfinder.cli.tables import print_lines, print_table

    result = found.result
    rows = [
        [
            str(pair[0].recipe.seed),
            f"{one.whole.value:.4f}",
            f"{one.cropped.value:.4f}",
            f"{one.only_whole:,}",
            f"{one.only_cropped:,}",
            f"{one.p:.3g}",
        ]
        for pair, one in zip(found.runs, result.seeds, strict=True)
    ]
    rows.append(
        ["all", "", "", f"{result.more_whole:,}", f"{result.more_cropped:,}", f"{result.p:.3g}"]
    )
    headings = ["seed", "whole", "cropped", "only whole", "only cropped", "p (exact)"]
    print_table(headings, rows, numbers=True)
    low, high = (100 * end for end in result.interval)
    print_lines(
        f"{result.count:,} {found.split} pictures; cropped: the central "
        f"{percent(found.zoom, 0)} of both sides, in training and evaluation.",
        f"Cropped minus whole: {100 * result.difference:+.1f} points ({low:+.1f} to {high:+.1f}). "
        f"{result.sentence}",
        *found.notes,
        f"Runs: {found.folder}",
    )
