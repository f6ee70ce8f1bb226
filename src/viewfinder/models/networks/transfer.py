"""The network of a recipe; and the course's transfer learning in one call."""

import os
from pathlib import Path
from unittest import mock

import keras

from viewfinder.bases.naming import base_named
from viewfinder.bases.networks import BuiltBase, build_base, build_from, wrap_base
from viewfinder.core.errors import UsageError
from viewfinder.core.progress import Progress
from viewfinder.core.randomness import Randomness
from viewfinder.models.networks.head import add_head, model_name
from viewfinder.models.networks.presets import build_preset
from viewfinder.recipe import Recipe
from viewfinder.recipe.transfer import Head, Transfer

_WIDTH = 88


def transfer(
    base: str | keras.Model | BuiltBase,
    *,
    classes: int,
    cut: str | None = None,
    head: Head | None = None,
    weights: str | Path | None = None,
    input_shape: tuple[int, int, int] | None = None,
) -> keras.Model:
    """Return a frozen, pretrained base without its top, with a new head.

    The model is flat: `summary` lists every layer, and `get_layer("mixed7")` finds it. Frozen
    layers stay in inference mode, including batch norm and dropout.

    Args:
        base: A name of `keras.applications`, a `.keras` file or a preset of KerasHub, as
            for :func:`build_base`; your own model, from pixels of 0 to 255; or a built base,
            with its own width and seed.
        classes: The number of classes, at least 2.
        cut: The layer at which the base ends; None for the last.
        head: Pooling, dense layers and dropout; by default average pooling and dropout 0.2.
        weights: "imagenet" (the default), "none" or a file, for a name of `keras.applications`.
        input_shape: (height, width, channels) in pixels; by default that of the base's training.

    Returns:
        A functional model, not compiled, from pixels 0 to 255 to probabilities: one sigmoid for
        two classes, a softmax for more.

    Raises:
        UsageError: There is no such base or layer, or the base takes other pictures.
        DataError: The base or its weights are missing, damaged, or another network's.
    """
    if classes < 2:
        raise UsageError(
            "A classifier needs several classes.", expected="at least 2", received=f"{classes}"
        )
    if isinstance(base, str):
        shape = input_shape or _shape_of(base)
        built = build_base(base, input_shape=shape, weights=weights, cut=cut)
    elif isinstance(base, BuiltBase):
        _require_neither(cut, input_shape)
        built = base
    else:
        built = wrap_base(base, input_shape=input_shape, cut=cut)
    return with_head(built, head or Head(), classes)


def with_head(
    built: BuiltBase, head: Head, classes: int, *, seed: int = 0, name: str = "transfer"
) -> keras.Model:
    """Return a built base with a head, as one flat functional model.

    Args:
        built: The base, whose layers the model shares.
        head: Pooling, dense layers and dropout.
        classes: The number of classes, at least 2.
        seed: The seed of the head's initial weights.
        name: The model's name.

    Raises:
        RecipeError: The head cannot pool the output of the base.
    """
    outputs = add_head(built.model.outputs[0], head, classes, Randomness(seed))
    return keras.Model(built.model.inputs[0], outputs, name=name)


def build_model(recipe: Recipe, classes: int, *, progress: Progress | None = None) -> keras.Model:
    """Build a recipe's network, not compiled, with initial weights from the recipe's seed.

    Args:
        recipe: A resolved recipe.
        classes: The number of classes, at least 2.
        progress: Reports the origin of a base's weights.

    Raises:
        RecipeError: The pictures are too small for the network.
        UsageError: A base has no such layer or width, or the pictures are too small for it.
        DataError: A base's weights are missing, damaged, or another network's.
    """
    settings, shape = recipe.model, recipe.preprocessing.shape
    if not isinstance(settings, Transfer):
        return build_preset(recipe, classes)
    built = build_from(
        settings.built_on,
        settings.built_on.obtain(min(shape[:2]), progress),
        input_shape=shape,
        cut=settings.cut,
        seed=recipe.seed,
        progress=progress,
    )
    name = model_name(recipe.name)
    return with_head(built, settings.fitted_head, classes, seed=recipe.seed, name=name)


def model_summary(model: keras.Model) -> str:
    """Return the text of `model.summary()`, 88 characters wide in any terminal."""
    lines: list[str] = []
    # Keras cuts the table at the width of the terminal, which this variable overrides.
    with mock.patch.dict(os.environ, {"COLUMNS": str(_WIDTH)}):
        model.summary(print_fn=lambda text, **_: lines.append(text), line_length=_WIDTH)
    return "\n".join(lines).rstrip()


def _shape_of(name: str) -> tuple[int, int, int]:
    """Return the input shape of a base's training: (height, width, channels)."""
    shape = base_named(name).takes().shape
    if shape is None:
        raise UsageError(
            f"{name} takes pictures of any size.",
            expected="input_shape, as (height, width, channels)",
            received="None",
        )
    return shape


def _require_neither(cut: str | None, input_shape: tuple[int, int, int] | None) -> None:
    if cut is not None or input_shape is not None:
        raise UsageError(
            "A built base has its cut and its input shape already.",
            expected="cut and input_shape given to build_base",
            received=f"cut {cut!r}, input_shape {input_shape}",
        )
