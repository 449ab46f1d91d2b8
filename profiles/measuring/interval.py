"""How sure a median is, whatever the samples' distribution. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from statistics import median

COVERAGE = 0.95


def median_interval(samples: Sequence[float]) -> tuple[float, float]:
    """The two samples between which the median lies with 95 % probability.

    Of n samples, the j-th lowest and the j-th highest enclose it with probability
    1 - 2 P(B < j), B binomial(n, 1/2): H. A. David and H. N. Nagaraja, Order Statistics, 3rd ed.
    (2003), section 7.1. Below six samples no j reaches 95 %, and the interval is all of them.
    """
    ordered = sorted(samples)
    number = len(ordered)
    left_out, outside = 0, 0.0
    while left_out < number // 2:
        outside += 2 * comb(number, left_out) / 2**number
        if outside > 1 - COVERAGE:
            break
        left_out += 1
    lowest = max(left_out - 1, 0)
    return ordered[lowest], ordered[number - 1 - lowest]


def median_half_width(rounds: Sequence[Sequence[float]]) -> float:
    """Half of the 95 % interval of the median over the samples of all rounds.

    The samples of one round share what the machine was doing just then, so that the interval of
    all samples is too narrow where rounds differ: that of the rounds' own medians counts where it
    is wider.
    """
    pooled = median_interval([sample for samples in rounds for sample in samples])
    between = median_interval([median(samples) for samples in rounds])
    return max(high - low for low, high in (pooled, between)) / 2
