"""What augmentation makes of the pictures, to be looked at before training."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from viewfinder.augment import Mixing
from viewfinder.core.errors import DataError, RejectedPicture
from viewfinder.core.randomness import Ids, Randomness
from viewfinder.data.dataset import Dataset
from viewfinder.pages.plots import picture_grid
from viewfinder.pictures.prepare import prepare
from viewfinder.recipe import Recipe
from viewfinder.store.sizes import suitable_input

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def preview(dataset: Dataset, recipe: Recipe, *, pictures: int = 6, versions: int = 7) -> "Figure":
    """A contact sheet: a row a picture, as the model would see it in its first epochs.

    The first column is the picture without augmentation. The others are exactly what a training
    with this recipe and seed shows the model: the same pixels at the same address. Only those that
    `training.mixup` blends are blended with others of the sheet, where a training blends them with
    others of their batch.

    Args:
        dataset: The pictures; classes take turns.
        recipe: Its input, augmentation, mixup and seed are used.
        pictures: How many rows.
        versions: How many epochs.

    Raises:
        DataError: None of the pictures can be read.
    """
    if recipe.input.size is None or recipe.input.color is None:
        recipe = recipe.settled(*suitable_input(dataset))
    rows = list(islice(_readable(dataset, recipe), pictures))
    if not rows:
        raise DataError(f"None of the pictures in {dataset.source} can be read.")
    places = [row.place for row in rows]
    stored = np.stack([row.stored for row in rows])
    labels = dataset.table["label"].iloc[places].astype(str).tolist()
    shown, captions = [[row.plain for row in rows]], [labels]  # column by column
    for epoch in range(versions):
        images, mixing = _seen(stored, dataset.ids[places], recipe, epoch)
        shown.append(list(images))
        captions.append([f"epoch {epoch + 1}{more}" for more in _blends(labels, mixing)])
    return picture_grid(_row_by_row(shown), _row_by_row(captions), columns=versions + 1)


class _Row(NamedTuple):
    """A picture of the sheet: its place in the dataset, as the model is asked, and as stored."""

    place: int
    plain: NDArray[np.uint8]
    stored: NDArray[np.uint8]


def _readable(dataset: Dataset, recipe: Recipe) -> Iterator[_Row]:
    """The pictures that can be read, in random order."""
    for place in _sample(dataset, recipe.seed):
        try:
            source = dataset.source.read(dataset.table["locator"].iloc[place])
            stored = prepare(source, recipe.training_preprocessing).pixels
            yield _Row(place, prepare(source, recipe.preprocessing).pixels, stored)
        except RejectedPicture:
            continue


def _seen(
    stored: NDArray[np.uint8], ids: Ids, recipe: Recipe, epoch: int
) -> tuple[NDArray[np.uint8], Mixing]:
    """The pictures as an epoch shows them, and what was blended with what."""
    plan, randomness = recipe.training.plan, Randomness(recipe.seed)
    height, width, _ = recipe.preprocessing.shape
    images = plan.apply(stored, plan.sample(randomness, epoch, ids), (height, width))
    mixing = Mixing.drawn(recipe.training.mixup, randomness, epoch, ids)
    return mixing.images(images), mixing


def _blends(labels: list[str], mixing: Mixing) -> list[str]:
    """What each picture shows of another one, as a second line of its caption."""
    lines = []
    for place, (weight, other) in enumerate(zip(mixing.weights, mixing.partners, strict=True)):
        is_blended = weight < 1 and other != place
        lines.append(f"\nwith {100 * (1 - weight):.0f} % {labels[other]}" if is_blended else "")
    return lines


def _row_by_row(columns: list[list[Any]]) -> list[Any]:
    return [cell for row in zip(*columns, strict=True) for cell in row]


def _sample(dataset: Dataset, seed: int) -> list[int]:
    """Rows in random order, the classes taking turns."""
    order = Randomness(seed).order("preview", epoch=-1, examples=dataset.ids)
    labels = dataset.labels[order]
    turn = np.zeros(len(order), np.int64)
    for label in range(len(dataset.classes)):
        turn[labels == label] = np.arange((labels == label).sum())
    return [int(row) for row in order[np.lexsort((labels, turn))]]
