"""The named recipes. Each says what it is for; what it reached stands in `docs/results.md`."""

from viewfinder.bases.settings import Transfer
from viewfinder.errors import RecipeError, nearest
from viewfinder.recipe import Compact, ConvStack, Input, Recipe, Training

# The course's network over InceptionV3, and how it is fitted: the same for both of its datasets.
_INCEPTION = Transfer(
    base="InceptionV3", cut="mixed7", pooling="flatten", dense=(1024,), dropout=0.2, frozen="graph"
)
_OVER_INCEPTION = Training(
    optimizer="rmsprop", learning_rate=1e-4, batch_size=20, epochs=20, augment="course"
)

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
    Recipe(
        name="transfer",
        summary="A head on a frozen network trained on ImageNet: strong from few pictures.",
        model=Transfer(),
        training=Training(optimizer="adam", learning_rate=1e-3, epochs=5),
    ),
    Recipe(
        name="course/cats-dogs-inception",
        summary="The course's transfer: InceptionV3 cut at mixed7, a dense layer, dropout.",
        input=Input(size=(150, 150), color="rgb", headroom=1.0),
        model=_INCEPTION,
        training=_OVER_INCEPTION,
    ),
    Recipe(
        name="course/horses-humans-inception",
        summary="The same for horses and humans.",
        input=Input(size=(150, 150), color="rgb", headroom=1.0),
        model=_INCEPTION,
        training=_OVER_INCEPTION,
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
