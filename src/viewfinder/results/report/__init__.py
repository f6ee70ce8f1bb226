"""One self-contained page that tells what a run is worth."""

from viewfinder.results.report.figures import write_curves
from viewfinder.results.report.material import ReportMaterial
from viewfinder.results.report.page import write_report

__all__ = ["ReportMaterial", "write_curves", "write_report"]
