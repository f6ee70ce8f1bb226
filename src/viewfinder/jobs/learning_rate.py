"""The learning-rate range test: a dataset and a recipe become a first learning rate."""

from os import PathLike
from typing import TYPE_CHECKING

from viewfinder.augment.feature_batches import FeatureBatches
from viewfinder.core.errors import UsageError
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import as_dataset
from viewfinder.jobs.features import Features
from viewfinder.jobs.heads import feature_batches
from viewfinder.jobs.prepare import Prepared, batches_of, prepare
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named

if TYPE_CHECKING:
    import keras

    from viewfinder.training.lr_find import RangeTest


def find_learning_rate(
    dataset: Dataset | str | PathLike[str],
    recipe: Recipe | str = "scratch",
    *,
    low: float = 1e-6,
    high: float = 1.0,
    steps: int = 100,
    store_budget: int | None = None,
    progress: Progress | None = None,
) -> "RangeTest":
    """Try a recipe's learning rates, from low to high, on its own training pictures.

    Network, optimizer, batch size and augmentation are the recipe's; its schedule and averaging
    are left out. Validation and test pictures are not looked at. The model is thrown away. Where a
    dense head is fitted on stored features, these are computed and kept, as for a training.

    Args:
        dataset: Labelled pictures, or their path; a validation split is made if there is none.
        recipe: A recipe, or the name of one.
        low: The first rate.
        high: The last rate, where the loss has not diverged before.
        steps: How many steps there are between them, at least 10.
        store_budget: As for :func:`viewfinder.train`.
        progress: Shows how far it is.

    Raises:
        UsageError: The limits or the count of steps make no test.
        DataError: The pictures cannot be trained on, or no rate makes the loss fall.
    """
    dataset = as_dataset(dataset)
    recipe = recipe_named(recipe) if isinstance(recipe, str) else recipe
    if recipe.solves_head:
        raise UsageError(
            "A linear head is solved without steps: it has no learning rate.",
            expected="a recipe that is trained by steps",
            received=recipe.name,
            remedy="model.dense=[128], which is trained by steps",
        )
    plain = {
        "training.schedule": {"kind": "constant", "warmup": 0},
        "training.average_epochs": 0,
        "training.accumulate": 1,
    }
    recipe = recipe.changed(plain)
    prepared = prepare(dataset, recipe, store_budget=store_budget, progress=progress)
    from viewfinder.models import build_model
    from viewfinder.training import compile_model
    from viewfinder.training.lr_find import range_test

    if prepared.recipe.on_features:
        head, features = _head_in_steps(prepared, progress or Progress(0))
        return range_test(head, features, low=low, high=high, steps=steps, progress=progress)
    model = build_model(prepared.recipe, len(prepared.dataset.classes), progress=progress)
    compile_model(model, prepared.recipe, steps=steps)
    batches = batches_of(prepared, "train")
    return range_test(model, batches, low=low, high=high, steps=steps, progress=progress)


def _head_in_steps(prepared: Prepared, progress: Progress) -> "tuple[keras.Model, FeatureBatches]":
    """A dense head, compiled, and the scaled features on which its training begins."""
    from viewfinder.training.heads import compiled_head, mean_and_deviation

    features, recipe = Features(prepared, progress), prepared.recipe
    train = features.of("train")
    batches = feature_batches(features.views(train), train.dataset, recipe, shuffle=True)
    head = compiled_head(batches, recipe, features.base.settings.head)
    return head, batches.scaled(*mean_and_deviation(batches))
