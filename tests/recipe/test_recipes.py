"""The named recipes, held against what the course and the issue say of them."""

import pytest

from viewfinder.core.errors import RecipeError
from viewfinder.fetch.catalogue import CATALOGUE
from viewfinder.recipe import Adam, RMSprop, Steps
from viewfinder.recipe.named import RECIPES, recipe_named
from viewfinder.recipe.stopping import Stopping
from viewfinder.recipe.transfer import Transfer

# Each system of the course: input, optimizer, rate, batch size, epochs, augmentation.
COURSE = {
    "fashion-dense": ((28, 28), "gray", "adam", 1e-3, 32, 10, "none"),
    "fashion-cnn": ((28, 28), "gray", "adam", 1e-3, 32, 5, "none"),
    "mnist": ((28, 28), "gray", "adam", 1e-3, 32, 10, "none"),
    "mnist-dense": ((28, 28), "gray", "adam", 1e-3, 32, 10, "none"),
    "horses-humans": ((300, 300), "rgb", "rmsprop", 1e-3, 128, 15, "none"),
    "horses-humans-augmented": ((300, 300), "rgb", "rmsprop", 1e-4, 128, 100, "course"),
    "happy-sad": ((150, 150), "rgb", "rmsprop", 1e-3, 10, 15, "none"),
    "cats-dogs": ((150, 150), "rgb", "rmsprop", 1e-3, 20, 15, "none"),
    "cats-dogs-augmented": ((150, 150), "rgb", "rmsprop", 1e-4, 20, 100, "course"),
    "rock-paper-scissors": ((150, 150), "rgb", "rmsprop", 1e-3, 126, 25, "course"),
    "sign-language": ((28, 28), "gray", "rmsprop", 1e-3, 32, 15, "course"),
}


def test_there_is_a_recipe_for_each_system_of_the_course():
    assert {name for name in RECIPES if name.startswith("course/")} == {
        *(f"course/{system}" for system in COURSE),
        *(f"course/{system}-inception" for system in ("cats-dogs", "horses-humans")),
    }


@pytest.mark.parametrize("system", COURSE)
def test_the_courses_settings_are_the_courses(system):
    recipe = recipe_named(f"course/{system}")
    training = recipe.training
    assert (
        recipe.input.size,
        recipe.input.color,
        training.optimizer.kind,
        training.optimizer.learning_rate,
        training.batch_size,
        training.epochs,
        training.augment,
    ) == COURSE[system]
    # Nothing that the course does not do; its pictures are resized before they are varied.
    assert recipe.input.headroom == 1
    targets = {
        "mnist": "accuracy=0.998",
        "mnist-dense": "accuracy=0.99",
        "happy-sad": "accuracy=0.999",
    }
    optimizer = {"adam": Adam, "rmsprop": RMSprop}[training.optimizer.kind]
    plain = Steps(
        stop=Stopping(target=targets.get(system)),
        optimizer=optimizer(learning_rate=training.optimizer.learning_rate),
        batch_size=training.batch_size,
        epochs=training.epochs,
        augment=training.augment,
    )
    assert training == plain
    assert recipe.model.l2 == 0


def test_the_catalogue_names_recipes_that_there_are():
    assert {entry.recipe for entry in CATALOGUE.values()} <= RECIPES.keys()


def test_names_are_keys_and_summaries_are_single_lines():
    assert {"scratch", "scratch/small", "scratch/large", "tiny", "digits"} <= RECIPES.keys()
    for name, recipe in RECIPES.items():
        assert recipe.name == name
        assert recipe.summary
        assert "\n" not in recipe.summary


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(RecipeError, match=r"no recipe 'cats-dogs'(.|\n)*mean 'course/cats-dogs'"):
        recipe_named("cats-dogs")
    with pytest.raises(RecipeError, match="known: scratch, scratch/small, scratch/large, tiny"):
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
    assert training.optimizer == RMSprop(learning_rate=1e-4)
    assert (training.batch_size, training.epochs, training.augment) == (20, 20, "course")
