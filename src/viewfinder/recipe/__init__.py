"""The recipe: one frozen record of everything a run depends on, apart from the pictures.

A recipe comes from a named one (`viewfinder.recipe.named`), changed by a YAML file and by single
settings such as `model.dropout=0.5`. Unknown keys, impossible values and impossible combinations
are refused before any picture is read. What is left open (`null`) is settled by the pictures:
`Recipe.settled`.

    record.py    what all parts are          model.py     the networks
    training.py  how they are fitted         recipe.py    the whole
    settings.py  from words, from a file, from refused values to messages
"""

from viewfinder.recipe.model import Compact, ConvStack, Dense, Model, Residual
from viewfinder.recipe.recipe import Data, Input, Recipe
from viewfinder.recipe.settings import parse_settings, read_settings
from viewfinder.recipe.training import Training

__all__ = [
    "Compact",
    "ConvStack",
    "Data",
    "Dense",
    "Input",
    "Model",
    "Recipe",
    "Residual",
    "Training",
    "parse_settings",
    "read_settings",
]
