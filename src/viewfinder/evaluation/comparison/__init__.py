"""Runs side by side: what differs, how they learned, and whether the difference is significant."""

from viewfinder.evaluation.comparison.compare import Comparison, compare
from viewfinder.evaluation.comparison.paired import Pair, PairedSplit

__all__ = ["Comparison", "Pair", "PairedSplit", "compare"]
