"""`viewfinder preview`: look at pictures and their augmented versions before training."""

from pathlib import Path
from typing import Annotated

import typer

from viewfinder.cli.options import (
    Augment,
    Config,
    Data,
    ImageSize,
    Isolate,
    LabelColumn,
    LabelFrom,
    RecipeName,
    Root,
    Seed,
    Settings,
    chosen_recipe,
    open_data,
    side_lengths,
)


def preview(
    data: Data,
    recipe: RecipeName = None,
    augment: Augment = None,
    image_size: ImageSize = None,
    isolate: Isolate = None,
    seed: Seed = None,
    label_from: LabelFrom = None,
    label_column: LabelColumn = None,
    root: Root = None,
    config: Config = None,
    settings: Settings = None,
    pictures: Annotated[int, typer.Option(min=1, max=50, help="How many pictures.")] = 6,
    versions: Annotated[int, typer.Option(min=1, max=20, help="How many epochs of each.")] = 7,
    output: Annotated[Path, typer.Option(help="The PNG to write.")] = Path("preview.png"),
) -> None:
    """Write a contact sheet of pictures as a training would see them, epoch by epoch."""
    from viewfinder.cli.tables import stdout
    from viewfinder.core.files import written_whole
    from viewfinder.core.progress import Progress
    from viewfinder.pages.preview import preview as contact_sheet

    flags = {
        "training.augment": augment,
        "input.size": side_lengths(image_size),
        "input.isolate": isolate,
        "seed": seed,
    }
    wanted = chosen_recipe(recipe, flags, config=config, settings=settings or ())
    dataset = open_data(
        data, label_from=label_from, root=root, label_column=label_column, progress=Progress()
    )
    figure = contact_sheet(dataset, wanted, pictures=pictures, versions=versions)
    with written_whole(output) as temporary:
        figure.savefig(temporary, format="png")
    out = stdout()
    for line in wanted.training.variations or wanted.training.plan.describe():
        out.print(f"  {line}", markup=False)
    out.print(f"Preview: {output}", markup=False, soft_wrap=True)
