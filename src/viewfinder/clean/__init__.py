"""Cleaning: what an audit found becomes decisions in the journal of a saved dataset.

Nothing of the user's is moved, changed or deleted: a picture in quarantine is one that the dataset
passes over. `plan_cleaning` says what would happen, `clean` writes it down.

**Which copy is kept.** Of exact copies (and, if asked, of near duplicates) under one label, one
stays: that in the test split, else in validation, else in training, so that it is training that
loses what it must not have seen; then the largest picture, then the largest file, then the first
by name. Exact copies under two labels say nothing of which label is right: all of them go, unless
`relabel` brings them under one.

draft       decisions in the making
plan        which findings are acted on, and how
save        what is written, and where it may be written
lists       labels and names that the user gives in files
"""

from viewfinder.clean.draft import CleaningPlan
from viewfinder.clean.plan import DEFAULT_FIXES, FIXES, plan_cleaning
from viewfinder.clean.save import clean, restore, save_plan
from viewfinder.data.saved.place import require_outside, require_place

__all__ = [
    "DEFAULT_FIXES",
    "FIXES",
    "CleaningPlan",
    "clean",
    "plan_cleaning",
    "require_outside",
    "require_place",
    "restore",
    "save_plan",
]
