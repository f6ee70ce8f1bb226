"""One self-contained page that tells what a run is worth."""

from viewfinder.pages.report.figures import write_curves
from viewfinder.pages.report.material import ReportMaterial
from viewfinder.pages.report.page import write_report

__all__ = ["ReportMaterial", "write_curves", "write_report"]
