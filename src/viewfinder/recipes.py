"""The named recipes. Each says what it is for; what it reached stands in `docs/results.md`."""

from viewfinder.errors import RecipeError, nearest
from viewfinder.recipe import Compact, ConvStack, Input, Recipe, Training

_ALL = (
    Recipe(
        name="default",
        summary="A small network with batch norm that suits the pictures' size.",
        training=Training(optimizer="adam", schedule="cosine", epochs=15),
    ),
    Recipe(
        name="digits",
        summary="Handwritten digits and other tiny gray drawings, as in the demo.",
        input=Input(color="gray"),
        model=Compact(width=32, dropout=0.2),
        training=Training(optimizer="adam", schedule="cosine", learning_rate=3e-3, epochs=20),
    ),
    Recipe(
        name="course/cats-dogs",
        summary="The course's first network for cats and dogs: it overfits, as the course shows.",
        input=Input(size=(150, 150), color="rgb", headroom=1.0),
        model=ConvStack(filters=(16, 32, 64), dense=(512,)),
        training=Training(optimizer="rmsprop", learning_rate=1e-3, batch_size=20, epochs=15),
    ),
)

RECIPES = {recipe.name: recipe for recipe in _ALL}


def recipe_named(name: str) -> Recipe:
    """The named recipe.

    Raises:
        RecipeError: There is none of this name; the message has the nearest one.
    """
    if name not in RECIPES:
        raise RecipeError(f"There is no recipe {name!r}.", remedy=nearest(name, RECIPES))
    return RECIPES[name]
