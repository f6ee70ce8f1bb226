"""`viewfinder split`: leak-free splits, kept in a saved dataset.

plan     what a split is made by, and what came of it
make     every picture gets its side, and groups stay whole
save     the split as an entry of a saved dataset's journal
extend   pictures that were added later get theirs; the others stay where they are
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
