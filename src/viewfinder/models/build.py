"""A recipe's network, of whichever kind."""

import os
from unittest import mock

import keras

from viewfinder.core.progress import Progress
from viewfinder.models.presets import build_preset
from viewfinder.models.transfer import build_transfer
from viewfinder.recipe import Recipe
from viewfinder.recipe.transfer import Transfer


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


_WIDTH = 88


def model_summary(model: keras.Model) -> str:
    """What `model.summary()` prints, 88 characters wide wherever it is printed."""
    lines: list[str] = []
    # Keras cuts the table at the terminal's width, which it asks of this variable first.
    with mock.patch.dict(os.environ, {"COLUMNS": str(_WIDTH)}):
        model.summary(print_fn=lambda text, **_: lines.append(text), line_length=_WIDTH)
    return "\n".join(lines).rstrip()
