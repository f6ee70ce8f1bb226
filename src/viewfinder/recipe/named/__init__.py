"""The named recipes. Each says what it is for; docs/recipes.md says how, and what it reached.

scratch.py   Viewfinder's own networks      course.py   the course's, exactly
transfer.py  heads on networks that others have trained
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
