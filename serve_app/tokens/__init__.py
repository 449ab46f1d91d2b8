"""Tokens of a text: estimated, counted, and corrected by what engines report."""
