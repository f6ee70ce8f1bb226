"""What is wrong or odd in a dataset, found before a model is trained on it.

One pass (`measurements`, `measure`) opens each picture once and remembers what it saw (`cache`).
All else is judged from these rows: `reading`, `copies` (with `duplicates`, `likeness`,
`alignment`), `balance`, `looks` and `doubts` each hold a family of checks. `run` asks them all.
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
