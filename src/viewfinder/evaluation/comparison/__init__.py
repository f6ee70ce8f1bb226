"""Runs side by side: what differs, how they learned, and whether the difference is real."""

from viewfinder.evaluation.comparison.compare import Comparison, compare_records
from viewfinder.evaluation.comparison.paired import Pair, PairedSplit, RunRecord

__all__ = [
    "Comparison",
    "Pair",
    "PairedSplit",
    "RunRecord",
    "compare_records",
]
