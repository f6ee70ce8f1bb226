"""A contact sheet of augmented pictures, to check before training."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from viewfinder.augment import Mixing
from viewfinder.core.errors import DataError, RejectedPicture
from viewfinder.core.randomness import Ids, Randomness
from viewfinder.data.dataset import Dataset
from viewfinder.data.store.sizes import suitable_input
from viewfinder.pages.plots import picture_grid
from viewfinder.pictures.prepare import prepare
from viewfinder.recipe import Recipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def preview(dataset: Dataset, recipe: Recipe, *, pictures: int = 6, versions: int = 7) -> "Figure":
    """Draw a contact sheet: a row a picture, as training uses it in its first epochs.

    The first column is the picture without augmentation. The others are the exact pixels that
    training with this recipe and seed uses, except that `training.mixup` blends pictures of the
    sheet here, and pictures of a batch in training.

    Args:
        dataset: The pictures; classes take turns.
        recipe: Its input, augmentation, mixup and seed are used.
        pictures: How many rows.
        versions: How many epochs.

    Raises:
        DataError: None of the pictures can be read.
    """
    if recipe.input.size is None or recipe.input.color is None:
        recipe = recipe.resolved(*suitable_input(dataset))
    rows = list(islice(_readable(dataset, recipe), pictures))
    if not rows:
        raise DataError(f"None of the pictures in {dataset.source} can be read.")
    selected = [row.row for row in rows]
    stored = np.stack([row.stored for row in rows])
    labels = dataset.table["label"].iloc[selected].astype(str).tolist()
    shown, captions = [[row.plain for row in rows]], [labels]  # column by column
    for epoch in range(versions):
        images, mixing = _in_epoch(stored, dataset.ids[selected], recipe, epoch)
        shown.append(list(images))
        captions.append([f"epoch {epoch + 1}{more}" for more in _blends(labels, mixing)])
    return picture_grid(_row_by_row(shown), _row_by_row(captions), columns=versions + 1)


class _Row(NamedTuple):
    """A picture of the sheet: its row in the dataset, its pixels for prediction, and as stored."""

    row: int
    plain: NDArray[np.uint8]
    stored: NDArray[np.uint8]


def _readable(dataset: Dataset, recipe: Recipe) -> Iterator[_Row]:
    """The pictures that can be read, in random order."""
    for row in _sample(dataset, recipe.seed):
        try:
            source = dataset.source.read(dataset.table["locator"].iloc[row])
            stored = prepare(source, recipe.training_preprocessing).pixels
            yield _Row(row, prepare(source, recipe.preprocessing).pixels, stored)
        except RejectedPicture:
            continue


def _in_epoch(
    stored: NDArray[np.uint8], ids: Ids, recipe: Recipe, epoch: int
) -> tuple[NDArray[np.uint8], Mixing]:
    """The pictures as an epoch uses them, and which are blended with which."""
    plan, randomness = recipe.training.plan, Randomness(recipe.seed)
    height, width, _ = recipe.preprocessing.shape
    images = plan.apply(stored, plan.sample(randomness, epoch, ids), (height, width))
    mixing = Mixing.drawn(recipe.training.mixup, randomness, epoch, ids)
    return mixing.images(images), mixing


def _blends(labels: list[str], mixing: Mixing) -> list[str]:
    """The second line of each caption: which picture is blended in."""
    lines = []
    for index, (weight, other) in enumerate(zip(mixing.weights, mixing.partners, strict=True)):
        is_blended = weight < 1 and other != index
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
