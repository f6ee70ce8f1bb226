"""Faults and oddities of a dataset, found before training.

One pass (`measurements`, `measure`) opens each picture once and stores a row of figures (`cache`).
`duplicates` (with `likeness` and `alignment`) groups equal and similar pictures. The checks in
`checks/` are functions from these rows to findings; `audit` runs them all. `overview` shows what
the dataset looks like.
"""

from viewfinder.audit.audit import Audit, audit
from viewfinder.audit.duplicates import DuplicateGroups, duplicate_groups
from viewfinder.audit.finding import Finding, Severity
from viewfinder.audit.measurements import Measurements, survey

__all__ = [
    "Audit",
    "DuplicateGroups",
    "Finding",
    "Measurements",
    "Severity",
    "audit",
    "duplicate_groups",
    "survey",
]
