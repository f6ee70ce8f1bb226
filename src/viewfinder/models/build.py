"""A recipe's network, of whichever kind."""

import keras

from viewfinder.bases.settings import Transfer
from viewfinder.models.presets import build_preset
from viewfinder.models.transfer import build_transfer
from viewfinder.progress import Progress
from viewfinder.recipe import Recipe


def build_model(recipe: Recipe, classes: int, *, progress: Progress | None = None) -> keras.Model:
    """The recipe's network, not compiled, its first weights decided by the recipe's seed.

    Args:
        recipe: A settled recipe.
        classes: How many classes there are, at least 2.
        progress: Says where a base's weights come from.

    Raises:
        RecipeError: The pictures are too small for the network.
        UsageError: A base has no such layer or width.
        DataError: A base's weights are not at hand, damaged, or another network's.
    """
    if isinstance(recipe.model, Transfer):
        return build_transfer(recipe, recipe.model, classes, progress)
    return build_preset(recipe, classes)
