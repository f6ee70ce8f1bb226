"""The named recipes, each with what was measured.

scratch.py   Viewfinder's own networks      course.py   the course's, exactly
transfer.py  heads on pretrained networks

The docstring below a recipe has a command with its minutes and accuracy, as in `docs/results.md`:
on two cores of an AMD EPYC with bfloat16 units, no GPU, seed 0. Minutes are CPU minutes of two
cores divided by two. Accuracies are of held-out pictures, with 95 % Wilson intervals, unless they
are marked otherwise.
"""

from viewfinder.core.errors import RecipeError, nearest
from viewfinder.recipe import Recipe
from viewfinder.recipe.named.course import COURSE
from viewfinder.recipe.named.scratch import SCRATCH
from viewfinder.recipe.named.transfer import TRANSFER

RECIPES = {recipe.name: recipe for recipe in (*SCRATCH, *TRANSFER, *COURSE)}


def recipe_named(name: str) -> Recipe:
    """The named recipe.

    Raises:
        RecipeError: There is none of this name; the message has the nearest one.
    """
    if name not in RECIPES:
        raise RecipeError(f"There is no recipe {name!r}.", remedy=nearest(name, RECIPES))
    return RECIPES[name]
