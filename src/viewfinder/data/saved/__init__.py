"""Datasets on disk: a table, a journal of decisions about it, and no pictures.

The table holds the pictures as they were opened, and never changes. The entries of the journal
change it, in order, except those that a later entry undoes. No file is ever rewritten.

header       `dataset.json` and `table.parquet`, written once
journal      `journal/000001.json` and `.parquet`, two files for each entry
replay       which entries are in effect, and the table that they result in
dataset      `SavedDataset`: the folder as a whole
output       where a saved dataset may be written
materialize  a dataset as class folders
"""

from viewfinder.data.saved.dataset import SavedDataset, create
from viewfinder.data.saved.journal import Decision, Entry
from viewfinder.data.saved.replay import QUARANTINE, changes

__all__ = ["QUARANTINE", "Decision", "Entry", "SavedDataset", "changes", "create"]
