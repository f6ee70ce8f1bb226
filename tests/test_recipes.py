"""The named recipes, held against what the course and the issue say of them."""

import pytest

from viewfinder.bases.settings import Transfer
from viewfinder.errors import RecipeError
from viewfinder.recipe import ConvStack
from viewfinder.recipes import RECIPES, recipe_named


def test_the_courses_recipe_is_the_courses():
    recipe = recipe_named("course/cats-dogs")
    assert recipe.input.size == (150, 150)
    assert recipe.input.color == "rgb"
    assert recipe.model == ConvStack(filters=(16, 32, 64), dense=(512,), dropout=0)
    training = recipe.training
    assert (training.optimizer, training.learning_rate) == ("rmsprop", 1e-3)
    assert (training.schedule, training.augment) == ("constant", "none")
    assert (training.batch_size, training.epochs) == (20, 15)


def test_names_are_keys_and_summaries_are_single_lines():
    assert {"default", "digits", "course/cats-dogs"} <= RECIPES.keys()
    for name, recipe in RECIPES.items():
        assert recipe.name == name
        assert recipe.summary
        assert "\n" not in recipe.summary


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(RecipeError, match=r"no recipe 'cats-dogs'(.|\n)*mean 'course/cats-dogs'"):
        recipe_named("cats-dogs")
    with pytest.raises(RecipeError, match="known: default, digits, course/cats-dogs"):
        recipe_named("zzz")


@pytest.mark.parametrize("data", ["cats-dogs", "horses-humans"])
def test_the_courses_transfer_is_the_courses(data):
    recipe = recipe_named(f"course/{data}-inception")
    assert recipe.input.size == (150, 150)
    assert recipe.model == Transfer(
        base="InceptionV3",
        weights="imagenet",
        cut="mixed7",
        pooling="flatten",
        dense=(1024,),
        dropout=0.2,
        frozen="graph",
    )
    training = recipe.training
    assert (training.optimizer, training.learning_rate) == ("rmsprop", 1e-4)
    assert (training.batch_size, training.epochs, training.augment) == (20, 20, "course")
