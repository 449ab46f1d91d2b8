"""A profile against an earlier one of the same pair: what moved beyond its interval. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from typing import NamedTuple

from profiles.drift.latency import latency_moves, shared_loads
from profiles.drift.move import Move, PairDrift
from profiles.drift.tolerance import Tolerances
from profiles.publishing.floor import upper_end
from serve_app.core.profile import Profile, TaskAccuracy

BYTES_PER_GIB = 2**30


class Scalar(NamedTuple):
    """A figure that has no interval: it moves when it is off by more than `tolerance`."""

    quantity: str
    before: float | None
    after: float | None
    unit: str
    tolerance: float
    more_is_better: bool = False
    may_demote: bool = False


def compare(before: Profile, after: Profile, tolerances: Tolerances) -> PairDrift:
    """Latency, throughput, accuracy, cold start and memory, each where both can be compared."""
    notes: list[str] = []
    moves: list[Move] = []
    if _where(before) != _where(after):
        notes.append(f"measured on {_where(after)}, before on {_where(before)}: speed not compared")
    else:
        if not shared_loads(before.latency, after.latency):
            notes.append("measured at other loads than before: latency not compared")
        moves += latency_moves(before.latency, after.latency, tolerances)
        moves += _scalar_moves(before, after, tolerances)
    if _questions(before) != _questions(after):
        notes.append("evaluated on other questions than before: accuracy not compared")
    else:
        moves += _accuracy_moves(before, after)
    if before.engine_version != after.engine_version:
        notes.append(f"engine {before.engine_version} -> {after.engine_version}")
    return PairDrift(pair=after.pair, moves=tuple(moves), notes=tuple(notes))


def _where(profile: Profile) -> str:
    return f"{profile.hardware.count:g} x {profile.hardware.accelerator}"


def _questions(profile: Profile) -> str:
    """What names the evaluation set; older profiles say only how many items it had."""
    return profile.provenance.evaluation or f"{profile.accuracy['overall'].items} items"


def _scalar_moves(before: Profile, after: Profile, tolerances: Tolerances) -> Iterator[Move]:
    for scalar in _scalars(before, after, tolerances):
        was, now = scalar.before, scalar.after
        if was is None or now is None or abs(now - was) <= was * scalar.tolerance:
            continue
        better = (now > was) == scalar.more_is_better
        yield Move(
            quantity=scalar.quantity,
            place="",
            before=was,
            after=now,
            unit=scalar.unit,
            direction="better" if better else "worse",
            demotes=scalar.may_demote and now < was * (1 - tolerances.demote),
        )


def _scalars(before: Profile, after: Profile, tolerances: Tolerances) -> tuple[Scalar, ...]:
    """Only what a request feels may demote a pair."""
    old, new, rate = before.throughput, after.throughput, tolerances.throughput
    memory = tolerances.memory
    return (
        Scalar(
            "prefill",
            old.prefill_tokens_per_s,
            new.prefill_tokens_per_s,
            "tokens/s",
            rate,
            more_is_better=True,
            may_demote=True,
        ),
        Scalar(
            "highest output rate",
            max(old.decode_tokens_per_s),
            max(new.decode_tokens_per_s),
            "tokens/s",
            rate,
            more_is_better=True,
            may_demote=True,
        ),
        Scalar("cold start", before.cold_start_s, after.cold_start_s, "s", tolerances.cold_start),
        Scalar(
            "peak memory",
            before.memory.peak_bytes / BYTES_PER_GIB,
            after.memory.peak_bytes / BYTES_PER_GIB,
            "GiB",
            memory,
        ),
        Scalar(
            "KV cache",
            before.memory.kv_cache_tokens,
            after.memory.kv_cache_tokens,
            "tokens",
            memory,
            more_is_better=True,
        ),
    )


def _accuracy_moves(before: Profile, after: Profile) -> Iterator[Move]:
    for scope, new in after.accuracy.items():
        old = before.accuracy.get(scope)
        if old is None:
            continue
        lower, upper = _difference(old, new)
        if lower > 0 or upper < 0:
            yield Move(
                quantity=f"accuracy {scope}",
                place="",
                before=old.mean,
                after=new.mean,
                unit="",
                direction="better" if lower > 0 else "worse",
                demotes=upper < 0,
            )


def _difference(before: TaskAccuracy, after: TaskAccuracy) -> tuple[float, float]:
    """The 95 % interval of `after - before`, from both intervals.

    R. G. Newcombe, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17 (1998), 873-890, method 10. The items are the same ones, so the true
    interval is narrower: what it calls moved has moved.
    """
    change = after.mean - before.mean
    down = sqrt((after.mean - after.lower) ** 2 + (upper_end(before) - before.mean) ** 2)
    up = sqrt((upper_end(after) - after.mean) ** 2 + (before.mean - before.lower) ** 2)
    return change - down, change + up
