"""The recipe: one frozen record of everything a run depends on, apart from the pictures.

A recipe is a named one (`viewfinder.recipe.named`), changed by a YAML file and by single settings
such as `model.dropout=0.5`. Alternatives are unions told apart by `kind`, so that a setting exists
only where it has an effect. Values that are null are resolved from the pictures: `Recipe.resolved`.

    record.py      what all parts are           training.py  by steps, or a solved head
    data.py        pictures and input           stages.py    epochs at other sizes
    model.py       networks                     stopping.py  when a training ends early
    transfer.py    networks on a base           recipe.py    the whole, and rules across parts
    optimizing.py  optimizer, schedule, loss
    settings.py    from words or a file to a changed recipe
    keys.py        dotted keys                  schema.py    keys with types, ranges, defaults
"""

from viewfinder.recipe.data import Data, Input
from viewfinder.recipe.model import Compact, ConvStack, Dense, Model, Residual
from viewfinder.recipe.optimizing import (
    SGD,
    Adam,
    AdamW,
    Constant,
    Cosine,
    CrossEntropy,
    Focal,
    Muon,
    OneCycle,
    Plateau,
    RMSprop,
    StepDecay,
)
from viewfinder.recipe.recipe import Recipe
from viewfinder.recipe.schema import SchemaRow, recipe_schema
from viewfinder.recipe.settings import parse_settings, read_settings
from viewfinder.recipe.training import Solve, SolveThenTune, Steps, Training

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Compact",
    "Constant",
    "ConvStack",
    "Cosine",
    "CrossEntropy",
    "Data",
    "Dense",
    "Focal",
    "Input",
    "Model",
    "Muon",
    "OneCycle",
    "Plateau",
    "RMSprop",
    "Recipe",
    "Residual",
    "SchemaRow",
    "Solve",
    "SolveThenTune",
    "StepDecay",
    "Steps",
    "Training",
    "parse_settings",
    "read_settings",
    "recipe_schema",
]
