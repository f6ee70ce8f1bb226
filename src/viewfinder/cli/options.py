"""Options that several commands have, and the recipe that they choose."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from viewfinder.core.errors import UsageError

if TYPE_CHECKING:
    from viewfinder.core.progress import Progress
    from viewfinder.data.dataset import Dataset
    from viewfinder.recipe import Recipe
    from viewfinder.recipe.transfer import Transfer


class HeadChoice(StrEnum):
    """What is put on a base."""

    LINEAR = "linear"
    DENSE = "dense"


_DENSE: dict[HeadChoice, list[int]] = {HeadChoice.LINEAR: [], HeadChoice.DENSE: [128]}

Data = Annotated[
    Path,
    typer.Argument(
        help="Folders of pictures, a saved dataset, a table of paths or pixels, idx or .npz files, "
        "or an archive."
    ),
]
LabelFrom = Annotated[
    str | None,
    # The backslash before the bracket keeps Rich from taking it for markup.
    typer.Option(metavar="REGEX", help="Find the label in file names: '(\\[a-z]+)\\.'"),
]
GroupFrom = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX", help="Find in file names what stays on one side: '^(\\[a-z]+\\d+)-'"
    ),
]
Root = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="What the paths of a table start at.")
]
LabelColumn = Annotated[
    str | None, typer.Option(metavar="NAME", help="The column of a table that has the labels.")
]
RecipeName = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        help="A named recipe: see `viewfinder recipes`. Without one, `train` takes what does best.",
    ),
]
Config = Annotated[Path | None, typer.Option(help="A YAML file with settings.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any setting, as model.dropout=0.5."),
]
ImageSize = Annotated[
    str | None, typer.Option(metavar="SIDE|HxW", help="What the model sees, in pixels.")
]
Isolate = Annotated[
    bool | None,
    typer.Option("--isolate", help="Cut the subject out of its scene, in training and ever after."),
]
Base = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE.keras|hub:PRESET",
        help="Build on a network of `viewfinder bases`, on a model of your own, or on a preset of "
        "KerasHub: frozen.",
    ),
]
Alpha = Annotated[float | None, typer.Option(help="The width of the base, such as 0.35.")]
Weights = Annotated[
    str | None, typer.Option(metavar="imagenet|FILE|none", help="The weights of the base.")
]
Cut = Annotated[
    str | None, typer.Option(metavar="LAYER", help="End the base at this layer, such as mixed7.")
]
HeadKind = Annotated[
    HeadChoice | None,
    typer.Option(help="On the base: a linear classifier, or a dense layer with dropout."),
]
Views = Annotated[
    int | None,
    typer.Option(min=1, help="Fit the head on so many views of each picture, with --augment."),
]
Augment = Annotated[
    str | None, typer.Option(help="An augmentation policy: none, course, gentle, standard, strong.")
]
Seed = Annotated[
    int | None, typer.Option(help="Decides splits, order, variation and first weights.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show nothing but results and errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show more.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for machines.")]


def verbosity(quiet: bool, verbose: bool) -> int:
    """The level that `viewfinder.core.progress.Progress` takes."""
    return 0 if quiet else 2 if verbose else 1


def open_data(
    data: Path,
    *,
    label_from: str | None,
    root: Path | None,
    label_column: str | None,
    group_from: str | None = None,
    progress: "Progress",
    needs_labels: bool = True,
) -> "Dataset":
    """What DATA and the options about it name."""
    from viewfinder.data.sources import open_dataset

    return open_dataset(
        data,
        label_from=label_from,
        root=root,
        label_column=label_column,
        group_from=group_from,
        needs_labels=needs_labels,
        progress=progress,
    )


def chosen_recipe(
    name: str | None,
    flags: Mapping[str, Any],
    *,
    config: Path | None = None,
    settings: Sequence[str] = (),
    begun: "Recipe | None" = None,
) -> "Recipe":
    """The named recipe, changed by the file, then the flags, then the single settings.

    Args:
        name: The recipe's name; where none was given, `begun`, or else "transfer" where a flag
            asks for a model on a base, or else "scratch".
        flags: Values by the recipe's dotted keys; None where a flag was not given.
        config: A YAML file.
        settings: `key=value` words.
        begun: The recipe of a run that is resumed.
    """
    from viewfinder.recipe import parse_settings, read_settings
    from viewfinder.recipe.named import recipe_named

    if name is None and begun:
        recipe = begun
    else:
        recipe = recipe_named(name or ("transfer" if "model.kind" in flags else "scratch"))
    if config:
        recipe = recipe.changed(read_settings(config))
    given = {key: value for key, value in flags.items() if value is not None}
    # At once, because settings may fit together only when all of them are there.
    return recipe.changed(given | parse_settings(settings))


def base_settings(
    base: str | None,
    alpha: float | None,
    weights: str | None,
    cut: str | None,
    *,
    head: HeadChoice | None = None,
    views: int | None = None,
) -> dict[str, Any]:
    """The recipe's settings for these flags; any of them asks for a model on a base."""
    dense = None if head is None else _DENSE[head]
    flags = {
        "base": base,
        "alpha": alpha,
        "weights": weights,
        "cut": cut,
        "dense": dense,
        "views": views,
    }
    given = {f"model.{key}": value for key, value in flags.items() if value is not None}
    return {"model.kind": "transfer", **given} if given else {}


def base_for_features(
    base: str,
    alpha: float | None,
    weights: str | None,
    cut: str | None = None,
    pooling: str = "average",
) -> "Transfer":
    """The base that these flags mean.

    Raises:
        RecipeError: One of them cannot be.
    """
    from viewfinder.recipe.named import recipe_named

    flags = {**base_settings(base, alpha, weights, cut), "model.pooling": pooling}
    settings = recipe_named("transfer").changed(flags).on_features
    assert settings is not None
    return settings


def side_lengths(text: str | None) -> tuple[int, int] | None:
    """(height, width) from `128` or `96x128`."""
    if text is None:
        return None
    sides = text.lower().replace("×", "x").split("x")
    if len(sides) > 2 or not all(side.strip().isdecimal() for side in sides):
        raise UsageError(
            "--image-size is not a size.", expected="128, or HxW such as 96x128", received=text
        )
    return int(sides[0]), int(sides[-1])


def byte_count(text: str | None) -> int | None:
    """Bytes from `500MB`, `2 GB` or `0`."""
    if text is None:
        return None
    units = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
    digits = text.strip().rstrip("BKMGTbkmgt ")
    unit = text.strip()[len(digits) :].strip().upper()
    try:
        count = float(digits) * units[unit]
    except (ValueError, KeyError):
        count = -1
    if not 0 <= count < float("inf"):
        raise UsageError("This is not a size.", expected="such as 500MB or 2GB", received=text)
    return int(count)
