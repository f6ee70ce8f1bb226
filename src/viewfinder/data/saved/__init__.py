"""Datasets on the disk: a table, a journal of decisions about it, and no pictures.

What a saved dataset is: the table of the pictures as they were opened, which is never changed, and
the entries of its journal that stand. Nothing is ever rewritten: to undo is an entry, too.

header     `dataset.json` and `table.parquet`: what was opened, written once
journal    `journal/000001.json` and `.parquet`: one decision after the other
replay     which entries stand, and what they make of the table
dataset    `SavedDataset`: all of it as one thing
"""

from viewfinder.data.saved.dataset import SavedDataset, create
from viewfinder.data.saved.journal import Decision, Entry
from viewfinder.data.saved.replay import QUARANTINE, changes

__all__ = ["QUARANTINE", "Decision", "Entry", "SavedDataset", "changes", "create"]
