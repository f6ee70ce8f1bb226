"""Runs side by side: what differs, how they learned, and whether the difference is real."""

from viewfinder.results.comparison.compare import Comparison, compare_records
from viewfinder.results.comparison.page import write_comparison
from viewfinder.results.comparison.paired import Pair, PairedSplit
from viewfinder.results.comparison.record import RunRecord

__all__ = [
    "Comparison",
    "Pair",
    "PairedSplit",
    "RunRecord",
    "compare_records",
    "write_comparison",
]
