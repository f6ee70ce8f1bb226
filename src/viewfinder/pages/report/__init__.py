"""The report of a run: one self-contained page."""

from viewfinder.pages.report.figures import write_curves
from viewfinder.pages.report.page import write_report
from viewfinder.pages.report.report import Report

__all__ = ["Report", "write_curves", "write_report"]
