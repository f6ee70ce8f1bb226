"""Cleaning: findings of an audit become decisions in the journal of a saved dataset.

The user's files are never moved, changed or deleted: the dataset leaves out pictures in quarantine.
`plan_cleaning` returns the decisions, `clean` also writes them.

**Which duplicate is kept.** Of exact duplicates (and, if requested, near duplicates) with the same
label, one stays: that in the test split, else in validation, else in training, so that training
loses pictures of the other splits; then the largest picture, then the largest file, then the first
by name. Exact duplicates with different labels do not show which label is right: all are left out,
unless `relabel` gives them the same label.

draft       collects decisions
plan        which findings lead to which decisions
save        writes decisions
"""

from viewfinder.clean.draft import CleaningPlan
from viewfinder.clean.plan import DEFAULT_FIXES, FIXES, plan_cleaning
from viewfinder.clean.save import clean, restore, save_plan
from viewfinder.data.saved.output import require_output

__all__ = [
    "DEFAULT_FIXES",
    "FIXES",
    "CleaningPlan",
    "clean",
    "plan_cleaning",
    "require_output",
    "restore",
    "save_plan",
]
