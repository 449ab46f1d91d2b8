"""What was measured at one place of the surface: rounds, and how sure their medians are. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median

from scipy.stats import binom

COVERAGE = 0.95
FEWEST_SAMPLES = 8


def median_interval(samples: Sequence[float]) -> tuple[float, float]:
    """The two samples between which the median lies with 95 % probability.

    Of n samples, the j-th lowest and the j-th highest enclose it with probability
    1 - 2 P(B < j), B binomial(n, 1/2): H. A. David and H. N. Nagaraja, Order Statistics, 3rd ed.
    (2003), section 7.1. Below six samples no j reaches 95 %, and the interval is all of them.
    """
    ordered = sorted(samples)
    lowest = max(int(binom.ppf((1 - COVERAGE) / 2, len(ordered), 0.5)) - 1, 0)
    return ordered[lowest], ordered[-1 - lowest]


def median_half_width(rounds: Sequence[Sequence[float]]) -> float:
    """Half of the 95 % interval of the median over the samples of all rounds.

    The samples of one round share what the machine was doing just then, so that the interval of
    all samples is too narrow where rounds differ: that of the rounds' own medians counts where it
    is wider.
    """
    pooled = median_interval([sample for samples in rounds for sample in samples])
    between = median_interval([median(samples) for samples in rounds])
    return max(high - low for low, high in (pooled, between)) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one load showed: a sample per request that met a full engine.

    `tpot_ms` is a request's time after its first token over its tokens after the first.
    """

    ttft_ms: tuple[float, ...]
    tpot_ms: tuple[float, ...]
    e2e_ms: tuple[float, ...]
    output_tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The rounds at one concurrency and prompt length, in the order in which they were run."""

    concurrency: int
    prompt_tokens: int
    rounds: tuple[Round, ...]

    @property
    def ttft_ms(self) -> tuple[float, ...]:
        return self._pooled(lambda round_: round_.ttft_ms)

    @property
    def tpot_ms(self) -> tuple[float, ...]:
        return self._pooled(lambda round_: round_.tpot_ms)

    @property
    def e2e_ms(self) -> tuple[float, ...]:
        return self._pooled(lambda round_: round_.e2e_ms)

    @property
    def output_tokens(self) -> tuple[int, ...]:
        return tuple(chain.from_iterable(round_.output_tokens for round_ in self.rounds))

    @property
    def output_tokens_per_s(self) -> float:
        """The engine's rate while all of `concurrency` run, without ramp-up and ramp-down.

        Little's law: `concurrency` requests under way, each for its latency on average.
        """
        return self.concurrency * sum(self.output_tokens) / (sum(self.e2e_ms) / 1e3)

    @property
    def ttft_half_width_ms(self) -> float:
        return median_half_width([round_.ttft_ms for round_ in self.rounds])

    @property
    def tpot_half_width_ms(self) -> float:
        return median_half_width([round_.tpot_ms for round_ in self.rounds])

    def _pooled(self, of: Callable[[Round], tuple[float, ...]]) -> tuple[float, ...]:
        return tuple(chain.from_iterable(map(of, self.rounds)))


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRule:
    """A point is measured until both its medians are sure, or has had `most_rounds`.

    Sure means: half of the 95 % interval is at most `half_width` of the median.
    """

    half_width: float = 0.05
    fewest_rounds: int = 2
    most_rounds: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.half_width < 1:
            raise ValueError(
                f"an interval of {self.half_width:g} is no share of a median: give a number "
                f"between 0 and 1, such as 0.05"
            )
        if self.most_rounds < self.fewest_rounds:
            raise ValueError(
                f"{self.most_rounds} rounds cannot show how far rounds lie apart: give at least "
                f"{self.fewest_rounds}"
            )

    def converged(self, point: Point) -> bool:
        """Whether the point needs no further round."""
        rounds = len(point.rounds)
        if rounds >= self.most_rounds:
            return True
        return (
            rounds >= self.fewest_rounds
            and len(point.ttft_ms) >= FEWEST_SAMPLES
            and point.ttft_half_width_ms <= self.half_width * median(point.ttft_ms)
            and point.tpot_half_width_ms <= self.half_width * median(point.tpot_ms)
        )
