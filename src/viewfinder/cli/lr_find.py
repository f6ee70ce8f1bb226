"""`viewfinder lr-find`: which learning rate to begin with."""

from pathlib import Path
from typing import Annotated

import typer

from viewfinder.cli.boundary import print_json
from viewfinder.cli.options import (
    Alpha,
    AsJson,
    Augment,
    Base,
    Config,
    Cut,
    Data,
    GroupFrom,
    HeadKind,
    ImageSize,
    Isolate,
    LabelColumn,
    LabelFrom,
    Quiet,
    RecipeName,
    Root,
    Seed,
    Settings,
    Views,
    Weights,
    base_settings,
    chosen_recipe,
    open_data,
    side_lengths,
    verbosity,
)


def lr_find(
    data: Data,
    recipe: RecipeName = None,
    low: Annotated[float, typer.Option(help="The first rate.")] = 1e-6,
    high: Annotated[float, typer.Option(help="The last rate.")] = 1.0,
    steps: Annotated[int, typer.Option(help="Batches from one to the other.")] = 100,
    batch_size: Annotated[int | None, typer.Option(help="Pictures in a batch.")] = None,
    image_size: ImageSize = None,
    isolate: Isolate = None,
    augment: Augment = None,
    base: Base = None,
    alpha: Alpha = None,
    weights: Weights = None,
    cut: Cut = None,
    head: HeadKind = None,
    views: Views = None,
    seed: Seed = None,
    label_from: LabelFrom = None,
    label_column: LabelColumn = None,
    group_from: GroupFrom = None,
    root: Root = None,
    config: Config = None,
    settings: Settings = None,
    output: Annotated[Path, typer.Option(help="The PNG to write.")] = Path("lr-find.png"),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Raise the learning rate from batch to batch, plot the loss, and suggest a rate."""
    from viewfinder.cli.tables import stdout
    from viewfinder.core.files import require_writable, written_whole
    from viewfinder.core.progress import Progress
    from viewfinder.jobs.learning_rate import find_learning_rate
    from viewfinder.pages.rate_plot import rate_curve
    from viewfinder.training.lr_find import RULE

    flags = {
        "training.batch_size": batch_size,
        "training.augment": augment,
        "input.size": side_lengths(image_size),
        "input.isolate": isolate,
        "seed": seed,
        **base_settings(base, alpha, weights, cut, head=head, views=views),
    }
    wanted = chosen_recipe(recipe, flags, config=config, settings=settings or ())
    require_writable(output.parent)
    progress = Progress(verbosity(quiet, False))
    dataset = open_data(
        data,
        label_from=label_from,
        root=root,
        label_column=label_column,
        group_from=group_from,
        progress=progress,
    )
    for note in dataset.notes:
        progress.say(note)
    found = find_learning_rate(dataset, wanted, low=low, high=high, steps=steps, progress=progress)
    with written_whole(output) as temporary:
        rate_curve(found.rates, found.losses, found.smoothed, found.suggestion).savefig(
            temporary, format="png"
        )
    if as_json:
        print_json({"schema": 1, "plot": str(output), **found.to_json()})
        return
    out = stdout()
    out.print(f"Learning rate: {found.suggestion:g}, {RULE}.", soft_wrap=True)
    if not found.diverged:
        out.print(f"It did not diverge up to {found.rates[-1]:g}; --high goes further.")
    out.print(f"The recipe has {wanted.training.learning_rate:g}.", soft_wrap=True)
    out.print(f"Plot: {output}", markup=False, soft_wrap=True)
