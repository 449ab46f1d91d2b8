"""Tunes weights and thresholds on graded answers, with the curve that each choice stands on."""
