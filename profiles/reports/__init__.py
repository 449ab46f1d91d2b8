"""Pages that people look at: what was measured of a set of pairs, and what follows from it."""

from profiles.reports.report import ReportFiles, write_report

__all__ = ["ReportFiles", "write_report"]
