"""Building of a recipe's network of any kind, and its summary."""

import os
from unittest import mock

import keras

from viewfinder.core.progress import Progress
from viewfinder.models.networks.presets import build_preset
from viewfinder.models.networks.transfer import build_transfer
from viewfinder.recipe import Recipe
from viewfinder.recipe.transfer import Transfer


def build_model(recipe: Recipe, classes: int, *, progress: Progress | None = None) -> keras.Model:
    """Build a recipe's network, not compiled, with initial weights from the recipe's seed.

    Args:
        recipe: A resolved recipe.
        classes: The number of classes, at least 2.
        progress: Reports the origin of a base's weights.

    Raises:
        RecipeError: The pictures are too small for the network.
        UsageError: A base has no such layer or width.
        DataError: A base's weights are missing, damaged, or another network's.
    """
    if isinstance(recipe.model, Transfer):
        return build_transfer(recipe, recipe.model, classes, progress)
    return build_preset(recipe, classes)


_WIDTH = 88


def model_summary(model: keras.Model) -> str:
    """Return the text of `model.summary()`, 88 characters wide in any terminal."""
    lines: list[str] = []
    # Keras cuts the table at the width of the terminal, which this variable overrides.
    with mock.patch.dict(os.environ, {"COLUMNS": str(_WIDTH)}):
        model.summary(print_fn=lambda text, **_: lines.append(text), line_length=_WIDTH)
    return "\n".join(lines).rstrip()
