"""How long a context each pair needs, from the contexts it has served. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isinf

from profiles.tuning.traffic import Histogram

# vLLM hands out its cache in blocks of this many tokens.
BLOCK_TOKENS = 16
ENOUGH_REQUESTS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A pair as deployed. `cache_bytes_per_token` is `None` where `cache_unknown` states why."""

    pair: str
    context_window: int
    max_concurrency: int
    cache_bytes_per_token: int | None = None
    cache_unknown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What a pair's traffic shows about its context window, in tokens.

    Percentiles are `None` where they lie beyond the last bucket. `max_model_len` is `None` when
    there is nothing to advise. `freed_bytes` is the cache that `max_concurrency` requests could
    take beyond it, `further_requests` how many more of the advised length would fit there.
    `share_above` is at most the share of requests that were longer; `elsewhere` are the pairs
    that hold longer ones, longest window first.
    """

    pair: str
    seen: int
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    context_window: int
    max_model_len: int | None = None
    freed_bytes: int | None = None
    further_requests: int | None = None
    share_above: float = 0.0
    elsewhere: tuple[str, ...] = ()
    warnings: tuple[str, ...]

    @property
    def advises_less(self) -> bool:
        return self.max_model_len is not None and self.max_model_len < self.context_window


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphans:
    """What no pair would hold if all advice were taken at once."""

    longest_window: int
    requests: int


def advise(
    fleet: Sequence[Deployed], traffic: Mapping[str, Histogram], *, quantile: float
) -> tuple[Advice, ...]:
    """Advice for every pair of the fleet, each as if the others stayed as they are.

    The advised length is the upper edge of the bucket that the quantile lies in, in whole cache
    blocks and never over the present window: it errs by sending fewer requests elsewhere.
    """
    return tuple(_advice(one, traffic.get(one.pair), fleet, quantile) for one in fleet)


def held_by_nobody(advice: Sequence[Advice], traffic: Mapping[str, Histogram]) -> Orphans | None:
    """Requests longer than every window that `advice` on a whole fleet would leave."""
    longest = max(one.max_model_len or one.context_window for one in advice)
    served = [traffic[one.pair] for one in advice if one.seen]
    requests = round(sum(h.share_above(longest) * h.seen for h in served))
    # Where a window stays as it is, what was served fitted.
    stays = any(not one.advises_less and one.context_window == longest for one in advice)
    return Orphans(longest_window=longest, requests=requests) if requests and not stays else None


def _advice(
    deployed: Deployed, histogram: Histogram | None, fleet: Sequence[Deployed], quantile: float
) -> Advice:
    pair, window = deployed.pair, deployed.context_window
    if histogram is None or not histogram.seen:
        return Advice(pair=pair, seen=0, context_window=window, warnings=("no request seen",))
    edge = histogram.edge_of(quantile)
    length = window if isinf(edge) else min(window, ceil(edge / BLOCK_TOKENS) * BLOCK_TOKENS)
    above = histogram.share_above(length) if length < window else 0.0
    longest_first = sorted(fleet, key=lambda one: (-one.context_window, one.pair))
    longer = [one.pair for one in longest_first if one.context_window > length]
    elsewhere = tuple(other for other in longer if other != pair) if length < window else ()
    per_token = deployed.cache_bytes_per_token
    spare_tokens = deployed.max_concurrency * (window - length)
    warnings = []
    if histogram.seen < ENOUGH_REQUESTS:
        seen = f"{round(histogram.seen):,}"
        warnings.append(f"only {seen} requests seen, fewer than {ENOUGH_REQUESTS:,}")
    if above and not elsewhere:
        warnings.append("no other pair has a longer window: longer requests would be refused")
    if per_token is None and length < window:
        warnings.append(f"the memory is not known: {deployed.cache_unknown}")
    return Advice(
        pair=pair,
        seen=round(histogram.seen),
        p50=_finite(histogram.quantile(0.50)),
        p95=_finite(histogram.quantile(0.95)),
        p99=_finite(histogram.quantile(0.99)),
        context_window=window,
        max_model_len=length,
        freed_bytes=None if per_token is None else spare_tokens * per_token,
        further_requests=spare_tokens // length,
        share_above=above,
        elsewhere=elsewhere,
        warnings=tuple(warnings),
    )


def _finite(value: float) -> float | None:
    return None if isinf(value) else value
