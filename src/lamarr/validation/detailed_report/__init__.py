"""The report of the detailed simulation: every number against its published reference, on one page."""

from __future__ import annotations

from lamarr.validation.detailed_report.page import write_page
from lamarr.validation.detailed_report.report import Report, make_report

__all__ = ["Report", "make_report", "write_page"]
