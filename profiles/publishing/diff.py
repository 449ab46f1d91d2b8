"""What one catalog changes of another, in words and numbers for its publisher."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TypeVar

from serve_app.core.catalog import Catalog
from serve_app.core.cost import TokenPrice
from serve_app.core.profile import (
    GoldenResult,
    LatencySurface,
    PairedAccuracy,
    Profile,
    TaskAccuracy,
)

Key = TypeVar("Key", bound=str)

# Printed in words and numbers below; any other field that differs is named.
TOLD = frozenset(
    {
        "golden",
        "accuracy",
        "accuracy_by_difficulty",
        "benchmarks",
        "against_parent",
        "latency",
        "cold_start_s",
        "context_window",
        "max_concurrency",
    }
)


def catalog_changes(before: Catalog | None, after: Catalog) -> tuple[str, ...]:
    """One line for each change, by pair; empty when the profiles are the same."""
    old = {} if before is None else before.profiles
    return tuple(
        line
        for pair in sorted(old.keys() | after.profiles.keys())
        for line in _pair_changes(pair, old.get(pair), after.profiles.get(pair))
    )


def _pair_changes(pair: str, before: Profile | None, after: Profile | None) -> Iterator[str]:
    if after is None:
        yield f"{pair}: removed"
    elif before is None:
        yield f"{pair}: added, {_summary(after)}"
    elif before != after:
        for change in (
            *_golden_changes(before.golden, after.golden),
            *_origin_changes(before, after),
            *_price_changes(TokenPrice.of(before), TokenPrice.of(after)),
            *_accuracy_changes(before, after),
            *_latency_changes(before.latency, after.latency),
            *_number_changes(before, after),
            *_other_changes(before, after),
        ):
            yield f"{pair}: {change}"


def _summary(profile: Profile) -> str:
    price = TokenPrice.of(profile)
    overall = profile.accuracy["overall"]
    surface = profile.latency
    summary = (
        f"{price.usd_per_mtok_out:.4g} USD per million completion tokens, "
        f"accuracy {overall.mean:.3f} on {overall.items} items, "
        f"TTFT p95 {surface.ttft_ms.p95[0][0]:.4g} ms {_place(surface, 0, 0)}"
    )
    if profile.golden is not None and not profile.golden.passed:
        summary += f"; not eligible: {profile.golden.reason}"
    return summary


def _golden_changes(before: GoldenResult | None, after: GoldenResult | None) -> Iterator[str]:
    if before == after:
        return
    was_eligible = before is None or before.passed
    if after is None:
        yield (
            "eligible again, without a golden verdict" if not was_eligible else "no golden verdict"
        )
    elif not after.passed:
        still = "now not" if was_eligible else "still not"
        yield f"{still} eligible: {after.reason or 'the golden set failed'}"
    elif not was_eligible:
        yield "eligible again: the golden set passed"
    else:
        yield f"the golden set passed{f', {after.checks} checks' if after.checks else ''}"


def _origin_changes(before: Profile, after: Profile) -> Iterator[str]:
    old, new = before.provenance.origin, after.provenance.origin
    if old != new:
        yield f"its figures are now {new}, before they were {old}"


def _price_changes(before: TokenPrice, after: TokenPrice) -> Iterator[str]:
    for kind, old, new in (
        ("prompt", before.usd_per_mtok_in, after.usd_per_mtok_in),
        ("completion", before.usd_per_mtok_out, after.usd_per_mtok_out),
    ):
        if old != new:
            unit = f"USD per million {kind} tokens"
            yield f"price {old:.4g} -> {new:.4g} {unit}{_relative(old, new)}"


def _accuracy_changes(before: Profile, after: Profile) -> Iterator[str]:
    yield from _changed("accuracy", before.accuracy, after.accuracy)
    yield from _changed(
        "accuracy on items that are", before.accuracy_by_difficulty, after.accuracy_by_difficulty
    )
    yield from _changed("benchmark", before.benchmarks, after.benchmarks)
    old, new = before.against_parent.get("overall"), after.against_parent.get("overall")
    if old != new:
        yield f"against its parent {_paired(old)} -> {_paired(new)}"


def _changed(
    title: str, before: Mapping[Key, TaskAccuracy], after: Mapping[Key, TaskAccuracy]
) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old != new:
            yield f"{title} {name} {_accuracy(old)} -> {_accuracy(new)}"


def _accuracy(accuracy: TaskAccuracy | None) -> str:
    if accuracy is None:
        return "not measured"
    return f"{accuracy.mean:.3f} (at least {accuracy.lower:.3f}, {accuracy.items} items)"


def _paired(paired: PairedAccuracy | None) -> str:
    if paired is None:
        return "not measured"
    return f"{paired.change:+.3f} ({paired.lower:+.3f} to {paired.upper:+.3f})"


def _latency_changes(before: LatencySurface, after: LatencySurface) -> Iterator[str]:
    if before == after:
        return
    if (before.concurrency, before.prompt_tokens) != (after.concurrency, after.prompt_tokens):
        yield f"latency is measured at {_axes(after)}, before at {_axes(before)}"
    told = False
    for name, old, new, place in _told_latencies(before, after):
        if old != new:
            told = True
            yield f"{name} {old:.4g} -> {new:.4g} ms{_relative(old, new)} {place}"
    if not told:
        yield "latency differs at other loads and quantiles"


def _told_latencies(
    before: LatencySurface, after: LatencySurface
) -> Iterator[tuple[str, float, float, str]]:
    """What a request alone waits for, and a token in the busiest place that both have."""
    alone = _place(after, 0, 0)
    yield "TTFT p95", before.ttft_ms.p95[0][0], after.ttft_ms.p95[0][0], alone
    yield "TPOT p50", before.tpot_ms.p50[0][0], after.tpot_ms.p50[0][0], alone
    shared = set(before.concurrency) & set(after.concurrency)
    if shared and (level := max(shared)) > 1:
        old, new = before.concurrency.index(level), after.concurrency.index(level)
        place = _place(after, new, 0)
        yield "TPOT p50", before.tpot_ms.p50[old][0], after.tpot_ms.p50[new][0], place


def _axes(surface: LatencySurface) -> str:
    levels = ", ".join(str(level) for level in surface.concurrency)
    lengths = ", ".join(str(length) for length in surface.prompt_tokens)
    return f"concurrency {levels} and {lengths} prompt tokens"


def _place(surface: LatencySurface, row: int, column: int) -> str:
    return (
        f"at concurrency {surface.concurrency[row]}, {surface.prompt_tokens[column]} prompt tokens"
    )


def _number_changes(before: Profile, after: Profile) -> Iterator[str]:
    for name, old, new, unit in (
        ("cold start", before.cold_start_s, after.cold_start_s, "s"),
        ("context window", before.context_window, after.context_window, "tokens"),
        ("requests at once", before.max_concurrency, after.max_concurrency, ""),
    ):
        if old != new:
            yield f"{name} {old:.4g} -> {new:.4g} {unit}".rstrip() + _relative(old, new)


def _other_changes(before: Profile, after: Profile) -> Iterator[str]:
    changed = [
        field.name
        for field in fields(Profile)
        if field.name not in TOLD and getattr(before, field.name) != getattr(after, field.name)
    ]
    if changed:
        yield f"differs in {', '.join(changed)}"


def _relative(old: float, new: float) -> str:
    return f" ({(new - old) / old:+.1%})" if old > 0 else ""
