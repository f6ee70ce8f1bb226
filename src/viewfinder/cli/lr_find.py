"""`viewfinder lr-find`: suggests a learning rate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.groups import settings_of
from viewfinder.cli.options import (
    BaseOptions,
    BatchSize,
    Data,
    DataOptions,
    GroupFrom,
    InputOptions,
    RecipeOptions,
    ResultOptions,
)

if TYPE_CHECKING:
    from viewfinder.training.lr_find import RangeTest


def lr_find(
    data: Data,
    *,
    recipe: RecipeOptions,
    low: Annotated[float, typer.Option(help="First learning rate.")] = 1e-6,
    high: Annotated[float, typer.Option(help="Last learning rate.")] = 1.0,
    steps: Annotated[int, typer.Option(help="Batches from the first to the last.")] = 100,
    output: Annotated[Path, typer.Option(metavar="FILE", help="PNG to write.")] = Path(
        "lr-find.png"
    ),
    input: InputOptions,
    batch_size: BatchSize = None,
    reading: DataOptions,
    group_from: GroupFrom = None,
    base: BaseOptions,
    results: ResultOptions,
) -> None:
    """Raise the learning rate from batch to batch, plot the loss, and suggest a rate."""
    from viewfinder.core.files import require_writable, written_whole
    from viewfinder.jobs.learning_rate import find_learning_rate
    from viewfinder.pages.plots import rate_curve

    flags = {**base.given, **settings_of(input)}
    if batch_size is not None:
        flags["training.batch_size"] = batch_size
    wanted = recipe.changed(flags)
    require_writable(output.parent)
    progress = results.progress
    dataset = reading.opened(data, progress, group_from=group_from)
    for note in dataset.notes:
        progress.say(note)
    found = find_learning_rate(dataset, wanted, low=low, high=high, steps=steps, progress=progress)
    with written_whole(output) as temporary:
        rate_curve(found.rates, found.losses, found.smoothed, found.suggestion).savefig(
            temporary, format="png"
        )
    if results.as_json:
        print_json({"schema": 1, "plot": str(output), **found.to_json()})
    else:
        _show(found, wanted.steps.optimizer.learning_rate, output)


def _show(found: "RangeTest", rate: float, plot: Path) -> None:
    from viewfinder.cli.tables import print_lines
    from viewfinder.training.lr_find import RULE

    print_lines(f"Learning rate: {found.suggestion:g}, {RULE}.")
    if not found.diverged:
        print_lines(f"The loss did not diverge up to {found.rates[-1]:g}; --high goes further.")
    print_lines(f"The recipe has {rate:g}.", f"Plot: {plot}")
