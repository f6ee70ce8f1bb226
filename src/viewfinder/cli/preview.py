"""`viewfinder preview`: shows augmented pictures before training."""

from pathlib import Path
from typing import Annotated

import typer

from viewfinder.cli.groups import settings_of
from viewfinder.cli.options import Data, DataOptions, InputOptions, RecipeOptions


def preview(
    data: Data,
    *,
    recipe: RecipeOptions,
    input: InputOptions,
    pictures: Annotated[int, typer.Option(min=1, max=50, help="Number of pictures.")] = 6,
    versions: Annotated[int, typer.Option(min=1, max=20, help="Epochs of each picture.")] = 7,
    output: Annotated[Path, typer.Option(metavar="FILE", help="PNG to write.")] = Path(
        "preview.png"
    ),
    reading: DataOptions,
) -> None:
    """Draw pictures as a training would see them, epoch by epoch."""
    from viewfinder.cli.tables import print_lines
    from viewfinder.core.files import written_whole
    from viewfinder.core.progress import Progress
    from viewfinder.data.sources import open_dataset
    from viewfinder.pages.preview import preview as contact_sheet

    wanted = recipe.changed(settings_of(input))
    dataset = open_dataset(data, progress=Progress(), **reading.record)
    figure = contact_sheet(dataset, wanted, pictures=pictures, versions=versions)
    with written_whole(output) as temporary:
        figure.savefig(temporary, format="png")
    variations = wanted.training.variations or wanted.training.plan.describe()
    print_lines(*(f"  {line}" for line in variations), f"Preview: {output}")
