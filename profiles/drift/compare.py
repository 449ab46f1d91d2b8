"""A profile against an earlier one of the same pair: what moved beyond its interval. Pure.

Median latencies are compared at the loads that both have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import hypot
from statistics import geometric_mean

from profiles.drift.change import Change, PairDrift, Tolerances
from profiles.publishing.floor import upper_end
from serve_app.core.profile import ErrorGrid, Grid, LatencySurface, Profile

MS_DIGITS = 3
BYTES_PER_GIB = 2**30

# Concurrency and prompt length of a measured point.
Load = tuple[int, int]
# A median in ms and half of its 95 % interval, 0 where that is unknown.
Median = tuple[float, float]


def compare(before: Profile, after: Profile, tolerances: Tolerances) -> PairDrift:
    """Latency, throughput, accuracy, cold start and memory, each where both can be compared."""
    notes: list[str] = []
    changes: list[Change] = []
    if _where(before) != _where(after):
        notes.append(f"measured on {_where(after)}, before on {_where(before)}: speed not compared")
    else:
        if not shared_loads(before.latency, after.latency):
            notes.append("measured at other loads than before: latency not compared")
        changes += latency_changes(before.latency, after.latency, tolerances)
        changes += _scalar_changes(before, after, tolerances)
    if _questions(before) != _questions(after):
        notes.append("evaluated on other questions than before: accuracy not compared")
    else:
        changes += _accuracy_changes(before, after)
    if before.engine_version != after.engine_version:
        notes.append(f"engine {before.engine_version} -> {after.engine_version}")
    return PairDrift(pair=after.pair, changes=tuple(changes), notes=tuple(notes))


def _where(profile: Profile) -> str:
    return f"{profile.hardware.count:g} x {profile.hardware.accelerator}"


def _questions(profile: Profile) -> str:
    """What names the evaluation set; older profiles say only how many items it had."""
    return profile.provenance.evaluation or f"{profile.accuracy['overall'].items} items"


def shared_loads(before: LatencySurface, after: LatencySurface) -> tuple[Load, ...]:
    """The loads that both surfaces measured."""
    levels = [level for level in after.concurrency if level in before.concurrency]
    lengths = [length for length in after.prompt_tokens if length in before.prompt_tokens]
    return tuple(product(levels, lengths))


def latency_changes(
    before: LatencySurface, after: LatencySurface, tolerances: Tolerances
) -> Iterator[Change]:
    """Medians that lie farther apart than their intervals and than the tolerance.

    Both, because a very sure median may move by nothing that matters, and one of few samples by
    much that does not. All loads together come first: a slowdown everywhere shows there although
    no single median is sure of it.
    """
    old, new = before.median_error, after.median_error
    tolerance = tolerances.latency if old and new else tolerances.latency_unsure
    loads = shared_loads(before, after)
    for name, was, now in (
        (
            "TTFT p50",
            _medians(before, before.ttft_ms.p50, old.ttft_ms if old else None),
            _medians(after, after.ttft_ms.p50, new.ttft_ms if new else None),
        ),
        (
            "TPOT p50",
            _medians(before, before.tpot_ms.p50, old.tpot_ms if old else None),
            _medians(after, after.tpot_ms.p50, new.tpot_ms if new else None),
        ),
    ):
        rows = [
            (f"at {load[0]} at once with {load[1]} prompt tokens", was[load], now[load])
            for load in loads
        ]
        if len(loads) > 1:
            place = f"over all {len(loads)} loads"
            rows.insert(0, (place, _together(was, loads), _together(now, loads)))
        for place, (earlier, earlier_error), (later, later_error) in rows:
            if abs(later - earlier) > max(earlier_error + later_error, earlier * tolerance):
                slow = later > earlier * (1 + tolerances.demote)
                yield _change(name, earlier, later, "ms", place=place, demotes=slow)


def _medians(surface: LatencySurface, p50: Grid, error: ErrorGrid | None) -> Mapping[Load, Median]:
    return {
        (level, length): (p50[row][column], error[row][column] if error else 0.0)
        for row, level in enumerate(surface.concurrency)
        for column, length in enumerate(surface.prompt_tokens)
    }


def _together(medians: Mapping[Load, Median], loads: Sequence[Load]) -> Median:
    """The geometric mean over `loads`: errors of many loads largely cancel each other."""
    mean = round(geometric_mean(medians[load][0] for load in loads), MS_DIGITS)
    shares = (medians[load][1] / medians[load][0] for load in loads)
    return mean, mean * hypot(*shares) / len(loads)


def _change(
    quantity: str,
    before: float,
    after: float,
    unit: str,
    *,
    place: str = "",
    more_is_better: bool = False,
    demotes: bool,
) -> Change:
    return Change(
        quantity=quantity,
        place=place,
        before=before,
        after=after,
        unit=unit,
        direction="better" if (after > before) == more_is_better else "worse",
        demotes=demotes,
    )


def _scalar_changes(before: Profile, after: Profile, tolerances: Tolerances) -> Iterator[Change]:
    """Figures without an interval. Only what a request feels may demote a pair."""
    speed, memory = (before.throughput, after.throughput), (before.memory, after.memory)
    prefill = [each.prefill_tokens_per_s for each in speed]
    highest = [max(each.decode_tokens_per_s) for each in speed]
    peak = [each.peak_bytes / BYTES_PER_GIB for each in memory]
    cache = [each.kv_cache_tokens for each in memory]
    cold_start = [before.cold_start_s, after.cold_start_s]
    for quantity, (was, now), unit, tolerance, more_is_better, felt in (
        ("prefill", prefill, "tokens/s", tolerances.throughput, True, True),
        ("highest output rate", highest, "tokens/s", tolerances.throughput, True, True),
        ("cold start", cold_start, "s", tolerances.cold_start, False, False),
        ("peak memory", peak, "GiB", tolerances.memory, False, False),
        ("KV cache", cache, "tokens", tolerances.memory, True, False),
    ):
        if was is not None and now is not None and abs(now - was) > was * tolerance:
            slow = felt and now < was * (1 - tolerances.demote)
            yield _change(quantity, was, now, unit, more_is_better=more_is_better, demotes=slow)


def _accuracy_changes(before: Profile, after: Profile) -> Iterator[Change]:
    """Scopes for which the 95 % interval of `after - before`, from both intervals, leaves zero.

    R. G. Newcombe, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17 (1998), 873-890, method 10. The items are the same ones, so the true
    interval is narrower: what it calls moved has moved.
    """
    for scope, new in after.accuracy.items():
        old = before.accuracy.get(scope)
        if old is None:
            continue
        change = new.mean - old.mean
        down = hypot(new.mean - new.lower, upper_end(old) - old.mean)
        up = hypot(upper_end(new) - new.mean, old.mean - old.lower)
        if change > down or change < -up:
            name, worse = f"accuracy {scope}", change < -up
            yield _change(name, old.mean, new.mean, "", more_is_better=True, demotes=worse)
