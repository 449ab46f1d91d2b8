"""Tunes weights, thresholds and context lengths, with the curve each choice stands on."""
