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
    earlier = {} if before is None else before.profiles
    lines: list[str] = []
    for pair in sorted(earlier.keys() | after.profiles.keys()):
        old, new = earlier.get(pair), after.profiles.get(pair)
        if new is None:
            lines.append(f"{pair}: removed")
        elif old is None:
            price, overall, surface = TokenPrice.of(new), new.accuracy["overall"], new.latency
            added = (
                f"{pair}: added, {price.usd_per_mtok_out:.4g} USD per million completion tokens, "
                f"accuracy {overall.mean:.3f} on {overall.items} items, "
                f"TTFT p95 {surface.ttft_ms.p95[0][0]:.4g} ms {_place(surface, 0)}"
            )
            if new.golden is not None and not new.golden.passed:
                added += f"; not eligible: {new.golden.reason}"
            lines.append(added)
        elif old != new:
            lines += [f"{pair}: {change}" for change in _profile_changes(old, new)]
    return tuple(lines)


def _profile_changes(old: Profile, new: Profile) -> Iterator[str]:
    yield from _golden_changes(old.golden, new.golden)
    was, now = old.provenance.origin, new.provenance.origin
    if was != now:
        yield f"its figures are now {now}, before they were {was}"
    price, unit = TokenPrice.of(old), "USD per million {} tokens"
    new_price = TokenPrice.of(new)
    yield from _moved(
        "price", price.usd_per_mtok_in, new_price.usd_per_mtok_in, unit.format("prompt")
    )
    yield from _moved(
        "price", price.usd_per_mtok_out, new_price.usd_per_mtok_out, unit.format("completion")
    )
    difficulty = "accuracy on items that are"
    yield from _scores("accuracy", old.accuracy, new.accuracy)
    yield from _scores(difficulty, old.accuracy_by_difficulty, new.accuracy_by_difficulty)
    yield from _scores("benchmark", old.benchmarks, new.benchmarks)
    paired, new_paired = old.against_parent.get("overall"), new.against_parent.get("overall")
    if paired != new_paired:
        yield f"against its parent {_paired(paired)} -> {_paired(new_paired)}"
    yield from _latency_changes(old.latency, new.latency)
    yield from _moved("cold start", old.cold_start_s, new.cold_start_s, "s")
    yield from _moved("context window", old.context_window, new.context_window, "tokens")
    yield from _moved("requests at once", old.max_concurrency, new.max_concurrency, "")
    others = [field.name for field in fields(Profile) if field.name not in TOLD]
    changed = [name for name in others if getattr(old, name) != getattr(new, name)]
    if changed:
        yield f"differs in {', '.join(changed)}"


def _golden_changes(before: GoldenResult | None, after: GoldenResult | None) -> Iterator[str]:
    if before == after:
        return
    was_eligible = before is None or before.passed
    if after is None:
        yield ("no golden verdict" if was_eligible else "eligible again, without a golden verdict")
    elif not after.passed:
        still = "now not" if was_eligible else "still not"
        yield f"{still} eligible: {after.reason or 'the golden set failed'}"
    elif not was_eligible:
        yield "eligible again: the golden set passed"
    else:
        yield f"the golden set passed{f', {after.checks} checks' if after.checks else ''}"


def _moved(name: str, old: float, new: float, unit: str) -> Iterator[str]:
    """A number that differs, and by which share of the old one."""
    if old != new:
        relative = f" ({(new - old) / old:+.1%})" if old > 0 else ""
        yield f"{name} {old:.4g} -> {new:.4g} {unit}".rstrip() + relative


def _scores(
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
    """What a request alone waits for, and a token at the highest load that both have."""
    if before == after:
        return
    if (before.concurrency, before.prompt_tokens) != (after.concurrency, after.prompt_tokens):
        yield f"latency is measured at {_axes(after)}, before at {_axes(before)}"
    cells = [
        ("TTFT p95", before.ttft_ms.p95[0][0], after.ttft_ms.p95[0][0], 0),
        ("TPOT p50", before.tpot_ms.p50[0][0], after.tpot_ms.p50[0][0], 0),
    ]
    busiest = max(set(before.concurrency) & set(after.concurrency), default=1)
    if busiest > 1:
        old, new = before.concurrency.index(busiest), after.concurrency.index(busiest)
        cells.append(("TPOT p50", before.tpot_ms.p50[old][0], after.tpot_ms.p50[new][0], new))
    told = [
        f"{change} {_place(after, row)}"
        for name, old_ms, new_ms, row in cells
        for change in _moved(name, old_ms, new_ms, "ms")
    ]
    yield from told or ["latency differs at other loads and quantiles"]


def _axes(surface: LatencySurface) -> str:
    levels = ", ".join(str(level) for level in surface.concurrency)
    lengths = ", ".join(str(length) for length in surface.prompt_tokens)
    return f"concurrency {levels} and {lengths} prompt tokens"


def _place(surface: LatencySurface, row: int) -> str:
    return f"at concurrency {surface.concurrency[row]}, {surface.prompt_tokens[0]} prompt tokens"
