"""What augmentation makes of the pictures, to be looked at before training."""

from typing import TYPE_CHECKING

import numpy as np

from viewfinder.data.dataset import Dataset
from viewfinder.data.prepare import prepare
from viewfinder.data.sizes import suitable_input
from viewfinder.errors import DataError, RejectedPicture
from viewfinder.randomness import Randomness
from viewfinder.recipe import Recipe
from viewfinder.results.plots import picture_grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def preview(dataset: Dataset, recipe: Recipe, *, pictures: int = 6, versions: int = 7) -> "Figure":
    """A contact sheet: a row a picture, as the model would see it in its first epochs.

    The first column is the picture without augmentation. The others are exactly what a training
    with this recipe and seed shows the model: the same pixels at the same address.

    Args:
        dataset: The pictures; classes take turns.
        recipe: Its input, augmentation and seed are used.
        pictures: How many rows.
        versions: How many epochs.

    Raises:
        DataError: None of the pictures can be read.
    """
    if recipe.input.size is None or recipe.input.color is None:
        recipe = recipe.settled(*suitable_input(dataset))
    height, width, _ = recipe.preprocessing.shape
    plan, randomness = recipe.training.plan, Randomness(recipe.seed)
    shown, captions = [], []
    for row in _sample(dataset, recipe.seed):
        locator, example = dataset.table["locator"].iloc[row], dataset.ids[row : row + 1]
        try:
            source = dataset.source.read(locator)
            stored = prepare(source, recipe.training_preprocessing).pixels[None]
            shown.append(prepare(source, recipe.preprocessing).pixels)
        except RejectedPicture:
            continue
        captions.append(str(dataset.table["label"].iloc[row]))
        for epoch in range(versions):
            samples = plan.sample(randomness, epoch, example)
            shown.append(plan.apply(stored, samples, (height, width))[0])
            captions.append(f"epoch {epoch + 1}")
        if len(shown) == pictures * (versions + 1):
            break
    if not shown:
        raise DataError(f"None of the pictures in {dataset.source} can be read.")
    return picture_grid(shown, captions, columns=versions + 1)


def _sample(dataset: Dataset, seed: int) -> list[int]:
    """Rows in random order, the classes taking turns."""
    order = Randomness(seed).order("preview", epoch=-1, examples=dataset.ids)
    labels = dataset.labels[order]
    turn = np.zeros(len(order), np.int64)
    for label in range(len(dataset.classes)):
        turn[labels == label] = np.arange((labels == label).sum())
    return [int(row) for row in order[np.lexsort((labels, turn))]]
