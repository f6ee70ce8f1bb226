"""Leak-free splits, kept in a saved dataset.

plan         the settings of a split, and its result
make         split a dataset, groups and duplicates kept whole
extend       place pictures that were added later, without moving the others
save         write a split as an entry of a saved dataset's journal
leaks        pictures of another split that are in training too
"""

from viewfinder.split.extend import extend
from viewfinder.split.make import open_grouped, split_up
from viewfinder.split.plan import Copies, SplitPlan, SplitUp
from viewfinder.split.save import save, save_extension

__all__ = [
    "Copies",
    "SplitPlan",
    "SplitUp",
    "extend",
    "open_grouped",
    "save",
    "save_extension",
    "split_up",
]
