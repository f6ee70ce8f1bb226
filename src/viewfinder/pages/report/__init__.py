"""The report of a run: one self-contained page."""

from viewfinder.pages.report.figures import write_curves
from viewfinder.pages.report.further import Further, Look
from viewfinder.pages.report.page import write_report
from viewfinder.pages.report.report import Report

__all__ = ["Further", "Look", "Report", "write_curves", "write_report"]
