"""One self-contained page that tells what a run is worth."""

from viewfinder.results.report.material import ReportMaterial
from viewfinder.results.report.page import write_report

__all__ = ["ReportMaterial", "write_report"]
