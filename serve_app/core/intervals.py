"""Wilson's score interval without continuity correction: how far a mean of scores may be off.

E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22
(1927), 209-212; method 3 of R. G. Newcombe, "Two-sided confidence intervals for the single
proportion", Statistics in Medicine 17 (1998), 857-872.
"""

from __future__ import annotations

from math import sqrt

# 97.5th percentile of the normal distribution: both tails of a 95 % interval.
Z_95 = 1.959964


def wilson(mean: float, items: float) -> tuple[float, float]:
    """Both ends of the 95 % interval of a mean of scores from 0 to 1."""
    squared = Z_95**2 / items
    spread = Z_95 * sqrt(mean * (1 - mean) / items + squared / items / 4)
    lower = (mean + squared / 2 - spread) / (1 + squared)
    upper = (mean + squared / 2 + spread) / (1 + squared)
    return min(max(lower, 0.0), mean), max(min(upper, 1.0), mean)
